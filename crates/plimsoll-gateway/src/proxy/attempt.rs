//! One attempt at one endpoint.

use super::{Fault, forward::Added, upload::Uploads};
use crate::{
    h1::{
        self, FieldWriter,
        client::{Answer, Observer, Outbound, SendError},
        server::Informational,
    },
    pool::{Connection, Pool},
    spec::{Address, Protocol},
    upstream::{Endpoint, Upstream},
    worker::Worker,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Response, Uri, request};
use plimsoll::{call::Mark, http::headers::strip_hop_by_hop};
use std::{cell::Cell, io, time::Duration};
use tokio::net::TcpStream;

/// An endpoint's answer.
pub(crate) enum Reply {
    Http1(Response<h1::Incoming>),
    Http2(Response<hyper::body::Incoming>),
    Switched { response: Response<()>, io: TcpStream, leftover: Bytes },
}

impl Reply {
    pub(crate) fn head(&self) -> (http::StatusCode, &HeaderMap) {
        match self {
            Self::Http1(response) => (response.status(), response.headers()),
            Self::Http2(response) => (response.status(), response.headers()),
            Self::Switched { response, .. } => (response.status(), response.headers()),
        }
    }
}

/// How far an attempt has come, for the driver to read when it has polled it.
#[derive(Debug, Default)]
pub(crate) struct Marks(Cell<u8>);

const SPARE: u8 = 16;
const ALL: [(u8, Mark); 4] = [(1, Mark::Connected), (2, Mark::Sent), (4, Mark::Flushed), (8, Mark::Moved)];

impl Marks {
    fn set(&self, bit: u8) {
        self.0.set(self.0.get() | bit);
    }

    /// Whether anything has been reached since the last time.
    pub(crate) fn any(&self) -> bool {
        self.0.get() != 0
    }

    /// Forgets all: for the next attempt.
    pub(crate) fn clear(&self) {
        self.0.set(0);
    }

    /// The attempt is not wanted any more, but nobody has left: its connection may be kept if that costs little.
    pub(crate) fn spare(&self) {
        self.set(SPARE);
    }

    fn is_spared(&self) -> bool {
        self.0.get() & SPARE != 0
    }

    /// What has been reached since the last time.
    pub(crate) fn take(&self) -> impl Iterator<Item = Mark> + use<> {
        let bits = self.0.take();
        ALL.into_iter().filter(move |(bit, _)| bits & bit != 0).map(|(_, mark)| mark)
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
        self.marks.set(2 | 8);
    }

    fn sent(&mut self) {
        self.marks.set(4);
    }

    fn spares(&self) -> Option<Duration> {
        self.marks.is_spared().then_some(SPARED)
    }

    fn interim(&mut self, mut response: Response<()>) {
        self.marks.set(8);
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
    let pool = worker.pools.of(endpoint.id, upstream.spec.pool, &upstream.metrics);
    let mut kept = pool.take();
    loop {
        let fresh = kept.is_none();
        let connection = match kept.take() {
            Some(connection) => connection,
            None => connect(&pool, upstream, &endpoint.address).await?,
        };
        marks.set(1);
        match exchange(connection, sending, marks).await {
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

async fn connect(pool: &Pool, upstream: &Upstream, address: &Address) -> Result<Connection, Fault> {
    match dial(address).await {
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

/// A new connection, without Nagle's delay. A name is looked up each time.
pub(crate) async fn dial(address: &Address) -> io::Result<TcpStream> {
    let socket = match address.ip() {
        Some(ip) => TcpStream::connect((ip, address.port())).await?,
        None => TcpStream::connect((address.host(), address.port())).await?,
    };
    socket.set_nodelay(true)?;
    Ok(socket)
}

async fn http2(
    worker: &Worker,
    upstream: &Upstream,
    endpoint: &Endpoint,
    sending: Sending<'_>,
    marks: &Marks,
) -> Result<Reply, Fault> {
    let mut sender = worker.http2.sender(upstream, endpoint).await?;
    marks.set(1);
    let request = http2_request(sending);
    marks.set(2 | 4 | 8);
    sender.send_request(request).await.map(Reply::Http2).map_err(|error| {
        let untouched = error.is_canceled() || refused_stream(&error);
        Fault::Http2 { error, untouched }
    })
}

fn http2_request(sending: Sending<'_>) -> http::Request<super::Upload> {
    let parts = sending.parts;
    let mut request = http::Request::new(sending.uploads.next());
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

/// The peer says that it has not looked at the request (RFC 9113, section 8.7).
fn refused_stream(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.reason() == Some(h2::Reason::REFUSED_STREAM);
        }
        source = error.source();
    }
    false
}
