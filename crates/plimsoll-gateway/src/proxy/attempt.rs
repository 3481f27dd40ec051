//! One attempt at one endpoint.

use super::{
    context::Proxy,
    fault::Fault,
    forward::Added,
    interim::InterimSink,
    message::{RequestHead, ResponseHead},
    upload::{Broke, Progress, Upload, UploadError, Uploads},
};
use crate::{
    h1::{
        self, FieldWriter,
        client::{ClientResponse, Observer, Outbound, SendError},
        semantics::list_size,
    },
    http2::{self, Received},
    spec::{Protocol, ResponseSpec},
    upstream::{Endpoint, Upstream, connect::Http1Connection},
};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body::Body as _;
use plimsoll::{
    driver::Marks,
    http::{ProblemId, headers::strip_hop_by_hop},
};
use std::{future::poll_fn, pin::Pin, rc::Rc, task::Poll, time::Duration};
use tokio::net::TcpStream;

/// An endpoint's response.
pub(crate) enum Reply {
    Http1(ResponseHead, h1::Incoming),
    /// With the progress of the request's body, which may go on, and what is taken of the response.
    Http2(ResponseHead, Received, Rc<Progress>, ResponseSpec),
    Switched {
        head: ResponseHead,
        io: TcpStream,
        leftover: Bytes,
    },
}

impl Reply {
    pub(crate) const fn head(&self) -> &ResponseHead {
        match self {
            Self::Http1(head, _) | Self::Http2(head, ..) | Self::Switched { head, .. } => head,
        }
    }
}

/// How long the response of a hedge's loser is still waited for, so that its connection can be kept: it is usually
/// about to come, and a new connection costs more than the rest of it.
const SPARED: Duration = Duration::from_millis(50);

struct AttemptObserver<'a> {
    marks: &'a Marks,
    interims: Option<&'a dyn InterimSink>,
}

impl Observer for AttemptObserver<'_> {
    fn written(&mut self, _: u64) {
        self.marks.sent();
    }

    fn sent(&mut self) {
        self.marks.flushed();
    }

    fn starved(&mut self, starved: bool) {
        self.marks.waits_for_caller(starved);
    }

    fn spares(&self) -> Option<Duration> {
        self.marks.is_spared().then_some(SPARED)
    }

    fn interim(&mut self, mut response: Response<()>) {
        self.marks.moved();
        if let Some(interims) = self.interims {
            strip_hop_by_hop(response.headers_mut());
            interims.send(response);
        }
    }
}

/// The request as every attempt sends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) target: &'a str,
    pub(crate) added: &'a Added,
    pub(crate) uploads: &'a Uploads,
    pub(crate) interims: Option<&'a dyn InterimSink>,
    pub(crate) idempotent: bool,
}

impl Sending<'_> {
    /// Returns the id of the client's request.
    pub(crate) fn id(&self) -> ProblemId {
        ProblemId::new(self.added.trace.trace)
    }
}

/// Sends the request to this endpoint and waits for the response's head.
///
/// Dropping it closes the connection: what the endpoint is doing is not wanted.
pub(crate) async fn attempt(
    proxy: &Proxy,
    upstream: &Upstream,
    endpoint: &Endpoint,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, Fault> {
    match upstream.spec.protocol {
        Protocol::Http1 => http1(proxy, upstream, endpoint, sending, marks).await,
        Protocol::Http2 => http2(proxy, upstream, endpoint, sending, marks).await,
    }
}

async fn http1(
    proxy: &Proxy,
    upstream: &Upstream,
    endpoint: &Endpoint,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, Fault> {
    let pool = proxy.connections.http1(upstream, endpoint);
    let mut kept = pool.take();
    loop {
        let fresh = kept.is_none();
        let connection = match kept.take() {
            Some(connection) => connection,
            None => proxy.connections.connect(&pool, upstream, &endpoint.address).await?,
        };
        marks.connected();
        match exchange(connection, sending, marks).await {
            // The endpoint's word that it has waited long enough for a request on this connection (RFC 9110, section
            // 15.5.9), which crossed ours on its way: as if it had closed it without a word.
            Ok(Reply::Http1(head, _))
                if !fresh
                    && head.status == StatusCode::REQUEST_TIMEOUT
                    && sending.idempotent
                    && sending.uploads.is_replayable() => {}
            Ok(reply) => return Ok(reply),
            // The endpoint closed a kept connection just when it was used. That is nobody's failure: the same endpoint
            // is asked once more, over a new connection, if nothing was sent or sending it twice is safe.
            Err(error) if !fresh && error.is_stale() && may_resend(&error, sending) => {}
            Err(error) => return Err(Fault::Send(error)),
        }
    }
}

fn may_resend(error: &SendError<UploadError>, sending: Sending<'_>) -> bool {
    (!error.wrote || sending.idempotent) && sending.uploads.is_replayable()
}

async fn exchange(
    connection: Http1Connection<Upload>,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, SendError<UploadError>> {
    let head = sending.head;
    let extra = |fields: &mut FieldWriter<'_>| sending.added.write(fields);
    let outbound = Outbound {
        method: &head.method,
        target: sending.target,
        fields: (&head.fields.0).into(),
        extra: &extra,
    };
    let mut observer = AttemptObserver { marks, interims: sending.interims };
    Ok(match connection.send(outbound, sending.uploads.next(), &mut observer).await? {
        ClientResponse::Response { head, body } => Reply::Http1(head.into(), body),
        ClientResponse::Upgraded { head, io, leftover } => {
            Reply::Switched { head: head.into(), io, leftover }
        }
    })
}

async fn http2(
    proxy: &Proxy,
    upstream: &Upstream,
    endpoint: &Endpoint,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, Fault> {
    let uploads = !sending.uploads.is_empty();
    let permit = proxy.connections.http2(upstream, endpoint, uploads).await?;
    let mut sender = permit.sender();
    marks.connected();
    let progress = Progress::new(permit);
    let (head, body) = http2_request(sending, &progress);
    let (mut responding, stream) = sender.send_request(head, !uploads).map_err(Fault::Unsent)?;
    drop(sender);
    marks.sent();
    let mut upload = uploads.then(|| http2::Sending::new(stream, body));
    if !uploads {
        marks.flushed();
    }
    let mut observer = AttemptObserver { marks, interims: sending.interims };
    let limits = upstream.spec.response;
    let mut interims = 0;
    let response = poll_fn(|cx| {
        if let Some(body) = &mut upload {
            let polled = body.poll(cx);
            if progress.has_moved() {
                marks.moved();
            }
            marks.waits_for_caller(progress.is_waited_for());
            match polled {
                Poll::Ready(Err(http2::Broken::Body(error))) => {
                    body.reset(Reason::CANCEL);
                    return Poll::Ready(Err(Fault::Upload(Broke::by(&error))));
                }
                // The response tells what broke the stream; or there is one all the same.
                Poll::Ready(ended) => {
                    upload = None;
                    if ended.is_ok() {
                        marks.flushed();
                    }
                }
                Poll::Pending => {}
            }
        }
        while let Poll::Ready(Some(interim)) = responding.poll_informational(cx) {
            let interim = interim.map_err(broken)?;
            if interims == limits.interim || over(interim.headers(), &limits) {
                return Poll::Ready(Err(Fault::HeadTooLarge));
            }
            interims += 1;
            observer.interim(interim);
        }
        Pin::new(&mut responding).poll(cx).map_err(broken)
    })
    .await?;
    if over(response.headers(), &limits) {
        return Err(Fault::HeadTooLarge);
    }
    if let Some(upload) = upload {
        progress.goes_on(upload);
    }
    let (head, body) = response.into_parts();
    let body = Received::response(body, &head.headers);
    Ok(Reply::Http2(head.into(), body, progress, limits))
}

/// Why there is no response.
fn broken(error: h2::Error) -> Fault {
    if is_over_our_limit(&error) { Fault::HeadTooLarge } else { Fault::Http2(error) }
}

/// Whether this head is larger than is taken of a response.
fn over(headers: &HeaderMap, limits: &ResponseSpec) -> bool {
    headers.len() > limits.fields || list_size(headers) > limits.head
}

/// The most fields that are added to a request.
const ADDED: usize = 8;

fn http2_request(sending: Sending<'_>, progress: &Rc<Progress>) -> (http::Request<()>, Upload) {
    let head = sending.head;
    let body = sending.uploads.followed(progress);
    let mut request = http::Request::new(());
    request.method_mut().clone_from(&head.method);
    *request.version_mut() = http::Version::HTTP_2;
    let host = head.fields.host().unwrap_or("localhost");
    let uri = Uri::builder().scheme("http").authority(host).path_and_query(sending.target).build();
    *request.uri_mut() = uri.unwrap_or_else(|_| Uri::from_static("http://localhost/"));
    *request.headers_mut() = head.fields.0.to_map(ADDED);
    let headers = request.headers_mut();
    headers.remove(header::HOST);
    headers.remove(header::UPGRADE);
    sending.added.insert(headers);
    if let Some(length) = body.size_hint().exact()
        && (length > 0 || states_its_length(&head.method))
    {
        headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    debug_assert!(head.method != Method::CONNECT, "refused on the way in");
    (request, body)
}

/// Whether a request without a body says so (RFC 9110, section 8.6).
fn states_its_length(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::CONNECT)
}

/// Our own side has ended the connection because of a head, or a flood of its parts, far beyond what is taken.
fn is_over_our_limit(error: &h2::Error) -> bool {
    let flooded =
        error.is_library() && error.is_go_away() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM);
    flooded || http2::is_too_long(error)
}
