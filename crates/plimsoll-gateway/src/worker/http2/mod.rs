//! HTTP/2 on both sides, by prior knowledge.
//!
//! | file | what |
//! | --- | --- |
//! | `check` | what is refused although it is HTTP/2, since it must make one request of HTTP/1.1 |
//! | `streams` | when a connection is idle, and whether its client takes what is there for it |
//! | `taken` | an answer's body, whose parts are followed into the socket |
//! | `unsent` | what is held for clients in all, and who is closed where that is too much |
//! | `still` | since when a count stands still |
//! | `wire` | whether a socket takes what is written |
//! | `rewound` | a socket with what was read of it before |
//! | `pools` | connections to endpoints |

mod check;
mod pools;
mod rewound;
mod still;
mod streams;
mod taken;
mod unsent;
mod wire;

pub(crate) use pools::{Http2Pools, Lease};
pub(crate) use unsent::Unsent;

use super::{Worker, accept::Accepted, answering::Answering, http1};
use crate::{
    access_log::{self, Entry},
    h1::Refusal,
    proxy::{Alarm, Answered, Arrived, Client, Inbound, handle, spoken, stopped, via},
    snapshot::Snapshot,
    why::Why,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::{server::conn::http2 as server, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll::{
    Instant,
    http::{
        Problem,
        headers::Scheme,
        http2::{PING_TIMEOUT, SEND_BUFFER, connection_window},
        is_grpc,
    },
    task::panic::catch,
};
use rewound::Rewound;
use std::{convert::Infallible, future::poll_fn, net::SocketAddr, pin::pin, rc::Rc, task::Poll};
use streams::{Look, Open, Streams};
use taken::Taken;
use tokio::net::TcpStream;
use wire::Wired;

/// Runs hyper's tasks on this worker's thread.
#[derive(Clone, Copy, Debug)]
struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// Runs hyper's tasks as [`Local`] does, and tells a connection's streams of theirs.
#[derive(Clone, Debug)]
struct OfStreams(Rc<Streams>);

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for OfStreams {
    fn execute(&self, future: F) {
        self.0.spawned(tokio::task::spawn_local(future).abort_handle());
    }
}

/// Serves an HTTP/2 connection of which `read` has been read already.
///
/// It ends when nothing has been asked for as long as a connection may be idle, be it that the client never came so far
/// as to ask, or when its client has taken nothing of what was there for it as long as that may last.
pub(super) async fn serve(worker: &Rc<Worker>, stream: TcpStream, read: Bytes, accepted: Accepted) {
    let limits = worker.shared.snapshot.load().spec.limits;
    let (io, wire) = Wired::new(Rewound { read, stream });
    let slow = worker.shared.metrics.slow_downloads.clone();
    let streams = Streams::new(worker.time().clone(), slow, wire, &worker.unsent);
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let (worker, open) = (Rc::clone(worker), streams.open());
        async move { Ok::<_, Infallible>(answer(&worker, request, accepted, open).await) }
    });
    let connection = server::Builder::new(OfStreams(Rc::clone(&streams)))
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        // Above it the answer is h2's own and trailers are cut in silence, so it lies above what is asked of each list.
        .max_header_list_size(u32::try_from(2 * limits.head.max(limits.trailers)).unwrap_or(u32::MAX))
        .initial_stream_window_size(limits.window)
        .initial_connection_window_size(connection_window(limits.window, limits.streams))
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(PING_TIMEOUT)
        .serve_connection(TokioIo::new(io), service);
    let _ended = Ended(Rc::clone(&streams));
    let mut connection = pin!(connection);
    let mut draining = pin!(worker.drain.begun());
    let mut drains = false;
    let mut alarm = Alarm::default();
    // When it is cut off, once it has been told that it was idle for too long.
    let mut cut: Option<Instant> = None;
    loop {
        let limits = worker.shared.snapshot.load().spec.limits;
        worker.unsent.set_limit(limits.unsent / worker.of as u64);
        let next = streams.next_look(worker.now(), limits.idle_time, limits.write_time, limits.min_rate);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = streams.closed() => return,
            () = draining.as_mut(), if !drains => {
                drains = true;
                connection.as_mut().graceful_shutdown();
            }
            () = alarm.wait(worker.time(), cut.map_or(next, |cut| cut.earliest(next))) => {
                let now = worker.now();
                if streams.look(now, limits.write_time) == Look::Stuck || cut.is_some_and(|cut| now >= cut) {
                    return;
                }
                if cut.is_none() && streams.is_idle(now, limits.idle_time) {
                    connection.as_mut().graceful_shutdown();
                    cut = Some(now + limits.write_time);
                }
            }
        }
    }
}

/// Ends what is left of a connection's streams when this is dropped.
struct Ended(Rc<Streams>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended();
    }
}

async fn answer(
    worker: &Rc<Worker>,
    mut request: Request<hyper::body::Incoming>,
    accepted: Accepted,
    open: Open,
) -> Response<Taken> {
    let peer = accepted.peer;
    let began = worker.now();
    let snapshot = worker.shared.snapshot.load_full();
    let snapshot: &Snapshot = &snapshot;
    if let Err(refusal) = check::check(&mut request, &snapshot.spec.limits) {
        let refused = refused(worker, snapshot, peer, request.headers(), refusal);
        return answering(refused, None, began, open);
    }
    let open = open.paced(snapshot.spec.limits.min_rate);
    let listener = snapshot.listener(accepted.listener);
    let request = Arrived::new(request, &listener, &|| None);
    let entry = Entry::begin(snapshot, request.request(), peer.ip(), began);
    let client = Client {
        peer: peer.ip(),
        scheme: Scheme::Http,
        trusted: &snapshot.spec.trusted,
        informational: None,
        entry: entry.as_deref(),
    };
    let grpc = is_grpc(request.request().headers());
    let request = match request.ready() {
        Ok(request) => request,
        Err(stop) => {
            let stopped = stopped(worker, stop, grpc);
            return answering(stopped, entry, began, open);
        }
    };
    let trailing = http1::trailing(&listener, &snapshot.spec.limits);
    let request = request.map(|body| Inbound::http2(body, snapshot.spec.limits.body, trailing));
    let mut alarm = Alarm::default();
    let handled = catch(handle(worker, snapshot, request, client, &mut alarm));
    let mut answered = handled.await.unwrap_or_else(|panic| http1::panicked(worker, &panic));
    // As in HTTP/1.1, where the head leaves with the first part of the body: one that has broken off by then has a status.
    if let Err(error) = poll_fn(|cx| Poll::Ready(answered.response.body_mut().look(cx))).await {
        let broken = http1::broken_off(&error);
        answered.problem = Some(broken.kind());
        answered.why = Some(error.why());
        answered.response = spoken(worker, &broken, grpc);
    }
    answering(answered, entry, began, open)
}

fn answering(answered: Answered, entry: Option<Box<Entry>>, began: Instant, open: Open) -> Response<Taken> {
    let Answered { mut response, route, problem, why, .. } = answered;
    if problem.is_none() {
        let via = HeaderValue::from_static(via(response.version()));
        response.headers_mut().append(header::VIA, via);
    }
    let (parts, body) = response.into_parts();
    let body = Answering {
        body,
        route,
        entry,
        status: parts.status,
        problem,
        why,
        began,
        bytes: 0,
        whole: false,
        lost: false,
    };
    Response::from_parts(parts, open.taken(body))
}

/// Tells the client what was wrong with its request; its other streams have nothing to do with that.
fn refused(
    worker: &Worker,
    snapshot: &Snapshot,
    peer: SocketAddr,
    headers: &HeaderMap,
    refusal: Refusal,
) -> Answered {
    worker.shared.metrics.refused(refusal.name());
    let kind = http1::kind_of(refusal.status());
    let why = Why::Request(refusal.name());
    access_log::refused(snapshot, peer.ip(), kind, why);
    let response = spoken(worker, &Problem::new(kind).detail(refusal.to_string()), is_grpc(headers));
    Answered { response, route: None, tunnel: None, problem: Some(kind), why: Some(why) }
}
