//! Requests of an HTTP/1.1 connection, one after the other.

use super::{
    accepted::Accepted,
    exchange::{broken_off, count, kind_of, panicked, trailing},
    state::Worker,
};
use crate::{
    access_log::{Entry, ResponseSummary},
    h1::{
        FieldWriter, RequestHeadError,
        server::{Idle, Next, NextError, Outbound, Received, RespondErrorKind, ServerConn},
    },
    proxy::{
        Alarm, Arrived, Client, DownloadError, Inbound, InterimSink, LastClientFields, ProxyResponse,
        RequestHead, Response, Tunnel, handle, problem_response, stopped, via,
    },
    route::InFlight,
    snapshot::Snapshot,
    why::Why,
};
use http::{HeaderValue, header};
use plimsoll::{
    driver::FieldsMut as _,
    http::{Kind, Problem, ProblemId, headers::Scheme},
    task::panic::catch,
};
use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};
use tokio::net::TcpStream;

/// How long the state of a busy connection is kept while nothing comes, unless too many keep theirs.
const LINGER: Duration = Duration::from_secs(1);

/// Why requests are no longer served here.
pub(super) enum End {
    /// Nothing has come for a while.
    Idle,
    /// The last response has been sent.
    Close,
    /// There is nobody to respond to.
    Broken,
    /// It speaks HTTP/2.
    Http2,
    /// It has switched protocols with an endpoint of this route. The request's line is written when the tunnel ends.
    Tunnel(Box<Tunnel>, Option<InFlight>, Option<Box<Entry>>),
}

/// Serves requests as long as they come without a pause.
pub(super) async fn serve(
    worker: &Rc<Worker>,
    connection: &mut ServerConn<TcpStream>,
    alarm: &mut Alarm,
    accepted: Accepted,
) -> End {
    let peer = accepted.peer;
    let client_fields = LastClientFields::default();
    loop {
        let snapshot = worker.shared.snapshot.load_full();
        connection.set_config(worker.server_config(&snapshot));
        // The clock is read only if the head has to be waited for.
        let late = async { alarm.wait(worker.time(), worker.now() + snapshot.spec.limits.head_time).await };
        let request = match connection.next_request(late).await {
            Ok(Some(request)) => request,
            Err(NextError::Http2Preface) => return End::Http2,
            Err(NextError::Refused(refusal)) => {
                return refuse(worker, connection, &snapshot, peer, refusal).await;
            }
            Ok(None) | Err(_) => return End::Broken,
        };
        let began = worker.now();
        let listener = snapshot.listener(accepted.listener);
        let local = || connection.with_io(|io| io.local_addr().ok()).flatten();
        let Received { head, body } = request;
        let mut head = RequestHead::from(head);
        let request = Arrived::new(&mut head, &listener, &local);
        let entry =
            Entry::begin(snapshot.access_log.as_ref(), &snapshot.time, request.head(), peer.ip(), began);
        let trailing = trailing(&listener, &snapshot.spec.limits);
        let interims = connection.informational();
        let client = Client {
            peer: peer.ip(),
            began,
            scheme: Scheme::Http,
            trusted: &snapshot.spec.trusted,
            interims: interims.as_ref().map(|interims| interims as &dyn InterimSink),
            fields: &client_fields,
            entry: entry.as_deref(),
        };
        let handled = match request.ready() {
            Ok(request) => {
                let body = Inbound::http1(body, trailing);
                let handled = pin!(handle(&worker.proxy, &snapshot, request, body, client, alarm));
                response(worker, connection, handled, entry.as_deref()).await
            }
            Err(stop) => Some(stopped(&worker.proxy, stop, entry.as_deref(), false)),
        };
        let Some(handled) = handled else { return End::Broken };
        let ProxyResponse { response, route, tunnel, mut problem, mut why } = handled;
        let Response { mut head, body } = response;
        if problem == Some(Kind::RequestTimeout) {
            // The rest of the request may never come, and until it has, no other can.
            head.fields.set(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let mut status = head.status;
        let via = problem.is_none().then(|| via(head.version));
        let extra = |fields: &mut FieldWriter<'_>| {
            if let Some(via) = via {
                fields.field(&header::VIA, via.as_bytes());
            }
        };
        if let Some(entry) = &entry {
            // As much as is known if this ends here.
            entry.responded(ResponseSummary { status, bytes: 0, problem, whole: false, why: None });
        }
        let outbound = Outbound { status, fields: head.fields.0, extra: &extra };
        let mut sent = connection.relay(outbound, body).await;
        if let Err(error) = &sent
            && !error.started
        {
            // It failed before any of it was sent: the client can still be told.
            let broken = broken(&error.kind);
            (status, problem, why) = (broken.status(), Some(broken.kind()), Some(cut_short(&error.kind)));
            sent = connection.respond(problem_response(&worker.proxy, &broken, false)).await;
        }
        if matches!(&sent, Err(error) if matches!(error.kind, RespondErrorKind::Stalled)) {
            worker.shared.metrics.slow_downloads.inc();
        }
        let bytes = sent.as_ref().map_or(0, |sent| sent.body_bytes);
        let now = worker.now();
        if let Some(route) = &route {
            count(route, status, now.since(began), bytes);
        }
        let ended = match (sent, tunnel) {
            (Ok(sent), Some(tunnel)) if sent.next == Next::Upgrade => {
                return End::Tunnel(tunnel, route, entry);
            }
            (sent, _) => sent,
        };
        if let Some(entry) = entry {
            let why = why.or_else(|| ended.as_ref().err().map(|error| cut_short(&error.kind)));
            entry.responded(ResponseSummary { status, bytes, problem, whole: ended.is_ok(), why });
        }
        match ended.map(|sent| sent.next) {
            Ok(Next::Request) => {}
            Ok(Next::Close | Next::Upgrade) => return End::Close,
            Err(_) => return End::Broken,
        }
        let lingered = async {
            if let Some(_permit) = worker.lingering.enter() {
                alarm.wait(worker.time(), now + LINGER).await;
            }
        };
        match connection.idle(lingered).await {
            Idle::Ready => {}
            Idle::TimedOut => return End::Idle,
            Idle::Closed | Idle::Draining => return End::Broken,
        }
    }
}

/// Waits for the response; `None` if the client has gone. A panic ends this request alone.
///
/// `handled` stays where it is: it is some kilobytes large. An async function's future lets go of all it owns before it is
/// ready, and as it panics, so nothing is left of it that could panic outside.
async fn response(
    worker: &Worker,
    connection: &ServerConn<TcpStream>,
    handled: Pin<&mut impl Future<Output = ProxyResponse>>,
    entry: Option<&Entry>,
) -> Option<ProxyResponse> {
    let mut handled = pin!(catch(handled));
    let response = poll_fn(|cx| match handled.as_mut().poll(cx) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => connection.poll_gone(cx).map(|()| None),
    })
    .await?;
    Some(response.unwrap_or_else(|panic| panicked(worker, &panic, entry)))
}

/// Returns the problem of a response that broke off before any of it was sent.
fn broken(kind: &RespondErrorKind<DownloadError>) -> Problem {
    match kind {
        RespondErrorKind::Body(error) => broken_off(error),
        _ => Problem::new(Kind::UpstreamBroken),
    }
}

/// Why a response was not sent whole.
fn cut_short(kind: &RespondErrorKind<DownloadError>) -> Why {
    match kind {
        RespondErrorKind::Io(_) => Why::ClientGone,
        RespondErrorKind::Body(error) => error.why(),
        RespondErrorKind::Stalled => Why::ClientSlow,
        RespondErrorKind::Length | RespondErrorKind::Status => Why::UpstreamMalformed,
    }
}

/// Tells the client what was wrong with its request; the connection is not fit for another.
async fn refuse(
    worker: &Worker,
    connection: &mut ServerConn<TcpStream>,
    snapshot: &Snapshot,
    peer: SocketAddr,
    refusal: RequestHeadError,
) -> End {
    worker.shared.metrics.refused(refusal.name());
    let kind = kind_of(refusal.status());
    let id = ProblemId::fresh();
    if let Some(log) = &snapshot.access_log {
        log.refused(peer.ip(), kind, Why::Request(refusal.name()), id);
    }
    if refusal == RequestHeadError::NotHttp {
        // A client of HTTP/2 would take the response for frames (RFC 9113, section 3.4).
        return End::Close;
    }
    let response =
        problem_response(&worker.proxy, &Problem::new(kind).detail(refusal.to_string()).id(id), false);
    match connection.respond(response).await {
        Ok(_) => End::Close,
        Err(_) => End::Broken,
    }
}
