//! One attempt at one endpoint.

use super::{
    Fault,
    forward::Added,
    upload::{Progress, Uploads},
};
use crate::{
    h1::{
        self, FieldWriter,
        client::{Answer, Observer, Outbound, SendError},
        list_size,
        server::Informational,
    },
    pool::{Connection, Pool},
    spec::{Address, AnswerSpec, Protocol},
    upstream::{Endpoint, Upstream},
    worker::Worker,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, Uri, request};
use plimsoll::{
    driver::Marks,
    http::{ProblemId, dial::Dialer, headers::strip_hop_by_hop},
};
use std::{future::poll_fn, io, pin::pin, rc::Rc, time::Duration};
use tokio::net::TcpStream;

/// An endpoint's answer.
pub(crate) enum Reply {
    Http1(Response<h1::Incoming>),
    /// With the progress of the request's body, which may go on, and what is taken of the answer.
    Http2(Response<hyper::body::Incoming>, Rc<Progress>, AnswerSpec),
    Switched {
        response: Response<()>,
        io: TcpStream,
        leftover: Bytes,
    },
}

impl Reply {
    pub(crate) fn head(&self) -> (StatusCode, &HeaderMap) {
        match self {
            Self::Http1(response) => (response.status(), response.headers()),
            Self::Http2(response, ..) => (response.status(), response.headers()),
            Self::Switched { response, .. } => (response.status(), response.headers()),
        }
    }
}

/// How long the answer of a hedge's loser is still waited for, so that its connection can be kept: the answer is usually
/// about to come, and a new connection costs more than the rest of it.
const SPARED: Duration = Duration::from_millis(50);

struct Watch<'a> {
    marks: &'a Marks,
    informational: Option<&'a Informational>,
}

impl Observer for Watch<'_> {
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
        if let Some(informational) = self.informational {
            strip_hop_by_hop(response.headers_mut());
            informational.send(response.status(), response.headers());
        }
    }
}

/// The request as every attempt sends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending<'a> {
    pub(crate) parts: &'a request::Parts,
    pub(crate) target: &'a str,
    pub(crate) added: &'a Added,
    pub(crate) uploads: &'a Uploads,
    pub(crate) informational: Option<&'a Informational>,
    pub(crate) idempotent: bool,
}

impl Sending<'_> {
    /// What the client's request is known by.
    pub(crate) fn id(&self) -> ProblemId {
        ProblemId::new(self.added.trace.trace)
    }
}

/// Sends the request to this endpoint and waits for its answer's head.
///
/// Dropping it closes the connection: what the endpoint is doing is not wanted.
pub(crate) async fn attempt(
    worker: &Worker,
    upstream: &Upstream,
    endpoint: &Endpoint,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, Fault> {
    match upstream.spec.protocol {
        Protocol::Http1 => http1(worker, upstream, endpoint, sending, marks).await,
        Protocol::Http2 => http2(worker, upstream, endpoint, sending, marks).await,
    }
}

async fn http1(
    worker: &Worker,
    upstream: &Upstream,
    endpoint: &Endpoint,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, Fault> {
    let pool = worker.pools.of(endpoint.id, &upstream.spec, &upstream.metrics);
    let mut kept = pool.take();
    loop {
        let fresh = kept.is_none();
        let connection = match kept.take() {
            Some(connection) => connection,
            None => connect(worker, &pool, upstream, &endpoint.address).await?,
        };
        marks.connected();
        match exchange(connection, sending, marks).await {
            // The endpoint's word that it has waited long enough for a request on this connection (RFC 9110, section
            // 15.5.9), which crossed ours on its way: as if it had closed it without a word.
            Ok(Reply::Http1(response))
                if !fresh
                    && response.status() == StatusCode::REQUEST_TIMEOUT
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

fn may_resend(error: &SendError<super::UploadError>, sending: Sending<'_>) -> bool {
    (!error.wrote || sending.idempotent) && sending.uploads.is_replayable()
}

async fn exchange(
    connection: Connection,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, SendError<super::UploadError>> {
    let parts = sending.parts;
    let extra = |fields: &mut FieldWriter<'_>| {
        sending.added.each(|name, value| {
            fields.field(name, value);
        });
    };
    let head =
        Outbound { method: &parts.method, target: sending.target, headers: &parts.headers, extra: &extra };
    let mut watch = Watch { marks, informational: sending.informational };
    Ok(match connection.send(head, sending.uploads.next(), &mut watch).await? {
        Answer::Response(response) => Reply::Http1(response),
        Answer::Upgraded { response, io, leftover } => Reply::Switched { response, io, leftover },
    })
}

async fn connect(
    worker: &Worker,
    pool: &Rc<Pool>,
    upstream: &Upstream,
    address: &Address,
) -> Result<Connection, Fault> {
    match dial(&worker.shared.dialer, address).await {
        Ok(socket) => {
            upstream.metrics.connected.inc();
            Ok(pool.adopt(socket))
        }
        Err(error) => {
            upstream.metrics.connect_failed.inc();
            Err(Fault::Connect(error))
        }
    }
}

/// A new connection to one of the endpoint's addresses.
pub(crate) async fn dial(dialer: &Dialer, address: &Address) -> io::Result<TcpStream> {
    dialer.dial(address.host(), address.port()).await
}

async fn http2(
    worker: &Worker,
    upstream: &Upstream,
    endpoint: &Endpoint,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, Fault> {
    let uploads = !sending.uploads.is_empty();
    let lease = worker.http2.lease(&worker.shared.dialer, upstream, endpoint, uploads).await?;
    let mut sender = lease.sender();
    marks.connected();
    let progress = Progress::on(lease);
    let mut sent = pin!(sender.send_request(http2_request(sending, &progress)));
    marks.sent();
    let mut flushed = false;
    let answered = poll_fn(|cx| {
        // The body goes its own way, and wakes this task when that changes whom it waits for.
        if progress.has_moved() {
            marks.moved();
        }
        marks.waits_for_caller(progress.is_waited_for());
        if !flushed && (progress.has_ended() || sending.uploads.is_empty()) {
            flushed = true;
            marks.flushed();
        }
        progress.listen(cx);
        sent.as_mut().poll(cx)
    });
    match answered.await {
        Ok(response) if over(response.headers(), &upstream.spec.answer) => Err(Fault::HeadTooLarge),
        Ok(response) => Ok(Reply::Http2(response, progress, upstream.spec.answer)),
        Err(error) => Err(match progress.broke() {
            Some(broke) => Fault::Upload(broke),
            None if is_over_our_limit(&error) => Fault::HeadTooLarge,
            None => {
                let untouched = error.is_canceled() || is_untouched(&error);
                Fault::Http2 { error, untouched }
            }
        }),
    }
}

/// Whether this head is larger than is taken of an answer.
fn over(headers: &HeaderMap, limits: &AnswerSpec) -> bool {
    headers.len() > limits.fields || list_size(headers) > limits.head
}

fn http2_request(sending: Sending<'_>, progress: &Rc<Progress>) -> http::Request<super::Upload> {
    let parts = sending.parts;
    let mut request = http::Request::new(sending.uploads.watched(progress));
    request.method_mut().clone_from(&parts.method);
    *request.version_mut() = http::Version::HTTP_2;
    let host =
        parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let uri = Uri::builder().scheme("http").authority(host).path_and_query(sending.target).build();
    *request.uri_mut() = uri.unwrap_or_else(|_| Uri::from_static("http://localhost/"));
    request.headers_mut().clone_from(&parts.headers);
    let headers = request.headers_mut();
    headers.remove(http::header::HOST);
    headers.remove(http::header::UPGRADE);
    sending.added.insert(headers);
    debug_assert!(parts.method != Method::CONNECT, "refused on the way in");
    request
}

/// Our own side has ended the connection because of a head, or a flood of its parts, far beyond what is taken.
fn is_over_our_limit(error: &hyper::Error) -> bool {
    let ours = |error: &h2::Error| {
        error.is_library() && error.is_go_away() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM)
    };
    http2_error(error).is_some_and(ours)
}

/// The peer says that it has not looked at the request (RFC 9113, section 8.7): by refusing its stream, or by going away
/// without it.
fn is_untouched(error: &hyper::Error) -> bool {
    http2_error(error).is_some_and(|error| {
        let gone_before = error.is_go_away() && error.is_remote();
        gone_before || error.reason() == Some(h2::Reason::REFUSED_STREAM)
    })
}

fn http2_error(error: &hyper::Error) -> Option<&h2::Error> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        source = error.source();
    }
    None
}
