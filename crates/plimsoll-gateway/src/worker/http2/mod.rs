//! HTTP/2 on both sides, by prior knowledge.
//!
//! | file | what |
//! | --- | --- |
//! | `check` | what is refused although it is HTTP/2, since it must make one request of HTTP/1.1 |
//! | `streams` | when a connection is idle, and which of its clients take too little |
//! | `rewound` | a socket with what was read of it before |
//! | `pools` | connections to endpoints |

mod check;
mod pools;
mod rewound;
mod streams;

pub(crate) use pools::Http2Pools;

use super::{Worker, answering::Answering, http1};
use crate::{
    access_log::{self, Entry},
    h1::Refusal,
    proxy::{Alarm, Answered, Client, Inbound, handle, spoken, via},
    snapshot::Snapshot,
    why::Why,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::{server::conn::http2 as server, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll::{
    Instant,
    http::{Problem, headers::Scheme, is_grpc},
    task::panic::catch,
};
use rewound::Rewound;
use std::{convert::Infallible, net::SocketAddr, pin::pin, rc::Rc, time::Duration};
use streams::{Open, Streams};
use tokio::net::TcpStream;

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
///
/// It ends when nothing has been asked for as long as a connection may be idle, be it that the client never came so far
/// as to ask.
pub(super) async fn serve(worker: &Rc<Worker>, stream: TcpStream, read: Bytes, peer: SocketAddr) {
    let limits = worker.shared.snapshot.load().spec.limits;
    let streams = Streams::new(worker.time().clone(), worker.shared.metrics.slow_downloads.clone());
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let (worker, open) = (Rc::clone(worker), streams.open());
        async move { Ok::<_, Infallible>(answer(&worker, request, peer, open).await) }
    });
    let connection = server::Builder::new(Local)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1)
        .serve_connection(TokioIo::new(Rewound { read, stream }), service);
    let mut connection = pin!(connection);
    let mut draining = pin!(worker.drain.begun());
    let mut drains = false;
    let mut alarm = Alarm::default();
    // When it is cut off, once it has been told that it was idle for too long.
    let mut cut: Option<Instant> = None;
    loop {
        let limits = worker.shared.snapshot.load().spec.limits;
        let next = streams.next_look(worker.now(), limits.idle_time, limits.write_time, limits.min_rate);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = draining.as_mut(), if !drains => {
                drains = true;
                connection.as_mut().graceful_shutdown();
            }
            () = alarm.wait(worker.time(), cut.unwrap_or(next)) => {
                let now = worker.now();
                if cut.is_some() {
                    return;
                }
                streams.give_up_stuck(now, limits.write_time);
                if streams.is_idle(now, limits.idle_time) {
                    connection.as_mut().graceful_shutdown();
                    cut = Some(now + limits.write_time);
                }
            }
        }
    }
}

async fn answer(
    worker: &Rc<Worker>,
    mut request: Request<hyper::body::Incoming>,
    peer: SocketAddr,
    open: Open,
) -> Response<streams::Taken> {
    let began = worker.now();
    let snapshot = worker.shared.snapshot.load_full();
    let snapshot: &Snapshot = &snapshot;
    if let Err(refusal) = check::check(&mut request, &snapshot.spec.limits) {
        let refused = refused(worker, snapshot, peer, request.headers(), refusal);
        return answering(refused, None, began, open);
    }
    let open = open.paced(snapshot.spec.limits.min_rate);
    let entry = Entry::begin(snapshot, &request, peer.ip(), began);
    let client = Client {
        peer: peer.ip(),
        scheme: Scheme::Http,
        trusted: &snapshot.spec.trusted,
        informational: None,
        entry: entry.as_deref(),
    };
    let request = request.map(|body| Inbound::http2(body, snapshot.spec.limits.body));
    let mut alarm = Alarm::default();
    let handled = catch(handle(worker, snapshot, request, client, &mut alarm));
    let answered = handled.await.unwrap_or_else(|panic| http1::panicked(worker, &panic));
    answering(answered, entry, began, open)
}

fn answering(
    answered: Answered,
    entry: Option<Box<Entry>>,
    began: Instant,
    open: Open,
) -> Response<streams::Taken> {
    let Answered { mut response, route, problem, why, .. } = answered;
    if problem.is_none() {
        let via = HeaderValue::from_static(via(response.version()));
        response.headers_mut().append(header::VIA, via);
    }
    let (parts, body) = response.into_parts();
    let status = parts.status;
    let body = Answering { body, route, entry, status, problem, why, began, bytes: 0, whole: false };
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
