//! HTTP/2 on both sides, by prior knowledge.

use super::{Worker, answering::Answering, http1};
use crate::{
    access_log::Entry,
    proxy::{Alarm, Answered, Client, Fault, Inbound, Upload, handle, via},
    snapshot::Snapshot,
    upstream::{Endpoint, Upstream},
};
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, header};
use hyper::{client::conn::http2 as client, server::conn::http2 as server, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll::{http::headers::Scheme, tower::driver::now};
use std::{
    cell::RefCell,
    collections::HashMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// How often a silent peer is asked whether it is there, and how long it may take to say so.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// Runs hyper's tasks on this worker's thread.
#[derive(Clone, Copy, Debug)]
struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// Serves an HTTP/2 connection of which `read` has been read already.
pub(super) async fn serve(worker: &Rc<Worker>, stream: TcpStream, read: Bytes, peer: SocketAddr) {
    let limits = worker.shared.snapshot.load().spec.limits;
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let worker = Rc::clone(worker);
        async move { Ok::<_, Infallible>(answer(&worker, request, peer).await) }
    });
    let connection = server::Builder::new(Local)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1)
        .serve_connection(TokioIo::new(Rewound { read, stream }), service);
    let mut connection = pin!(connection);
    let draining = worker.drain.begun();
    tokio::select! {
        _ = connection.as_mut() => return,
        () = draining => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(
    worker: &Rc<Worker>,
    request: Request<hyper::body::Incoming>,
    peer: SocketAddr,
) -> Response<Answering> {
    let began = now();
    let snapshot = worker.shared.snapshot.load_full();
    let snapshot: &Snapshot = &snapshot;
    let entry = Entry::begin(snapshot, &request, peer.ip(), began);
    let client = Client {
        peer: peer.ip(),
        scheme: Scheme::Http,
        trusted: &snapshot.spec.trusted,
        informational: None,
        entry: entry.as_deref(),
    };
    let (request, mut alarm) = (request.map(Inbound::Http2), Alarm::default());
    let handled = AssertUnwindSafe(handle(worker, snapshot, request, client, &mut alarm)).catch_unwind();
    let answered = handled.await.unwrap_or_else(|_| http1::panicked(worker));
    let Answered { mut response, route, problem, .. } = answered;
    if problem.is_none() {
        let via = HeaderValue::from_static(via(response.version()));
        response.headers_mut().append(header::VIA, via);
    }
    let (parts, body) = response.into_parts();
    let body = Answering { body, route, entry, status: parts.status, problem, began, bytes: 0, whole: false };
    Response::from_parts(parts, body)
}

/// A socket with what was read of it before.
struct Rewound {
    read: Bytes,
    stream: TcpStream,
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        let length = self.read.len().min(into.remaining());
        into.put_slice(&self.read[..length]);
        self.read.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

type Sender = client::SendRequest<Upload>;

/// A worker's HTTP/2 connections to endpoints: one each, many requests at once.
#[derive(Debug, Default)]
pub(crate) struct Http2Pools {
    by_endpoint: RefCell<HashMap<u64, Sender, ahash::RandomState>>,
}

impl Http2Pools {
    /// A sender on the endpoint's connection, which is made if there is none.
    pub(crate) async fn sender(&self, upstream: &Upstream, endpoint: &Endpoint) -> Result<Sender, Fault> {
        let kept = self.by_endpoint.borrow().get(&endpoint.id).filter(|sender| !sender.is_closed()).cloned();
        if let Some(mut sender) = kept
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let connected = crate::proxy::dial(&endpoint.address).await;
        let stream =
            connected.inspect_err(|_| upstream.metrics.connect_failed.inc()).map_err(Fault::Connect)?;
        let handshake = client::Builder::new(Local)
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = handshake.map_err(|error| Fault::Connect(io::Error::other(error)))?;
        upstream.metrics.connected.inc();
        tokio::task::spawn_local(connection);
        self.by_endpoint.borrow_mut().insert(endpoint.id, sender.clone());
        Ok(sender)
    }

    /// Forgets closed connections and those of endpoints that are not among `live` any more.
    pub(crate) fn sweep(&self, live: impl Fn(u64) -> bool) {
        self.by_endpoint.borrow_mut().retain(|endpoint, sender| live(*endpoint) && !sender.is_closed());
    }
}
