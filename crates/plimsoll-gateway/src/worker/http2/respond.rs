//! One stream: its request, and the way of its response to the client.

use super::{
    check,
    stream::{Open, Responding},
    taken::{Part, Taken},
};
use crate::{
    access_log::Entry,
    h1::{RequestHeadError, date},
    http2::{Broken, Received, Sending},
    proxy::{
        Alarm, Arrived, Client, Download, Inbound, ProxyResponse, RequestHead, handle, problem_response,
        stopped, via,
    },
    snapshot::Snapshot,
    why::Why,
    worker::{
        accepted::Accepted,
        counted_body::CountedBody,
        exchange::{broken_off, kind_of, panicked, trailing},
        state::Worker,
    },
};
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body::Body as _;
use plimsoll::{
    http::{Problem, ProblemId, headers::Scheme, is_grpc},
    policy::Instant,
    task::panic::catch,
};
use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Responds to a stream's request, of whose trailers no more than `most` bytes are taken. Ends early where the client resets the stream, or the stream is cancelled.
pub(super) async fn respond(
    worker: Rc<Worker>,
    request: Request<RecvStream>,
    respond: SendResponse<Part>,
    accepted: Accepted,
    most: usize,
    open: Open,
) {
    let responding = Responding::new(&open, respond);
    let response = {
        let mut handling = pin!(response(&worker, request, accepted, most, &open));
        poll_fn(|cx| match handling.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => poll_reset(&open, cx).map(|()| None),
        })
        .await
    };
    let Some(response) = response else { return };
    let Some(mut sending) = send(&open, response) else { return };
    drop(responding);
    let sent = poll_fn(|cx| {
        if open.is_cancelled(cx) {
            return Poll::Ready(Ok(()));
        }
        sending.poll(cx)
    });
    if let Err(Broken::Body(error)) = sent.await {
        sending.reset(error.reason());
    }
}

/// Ready once the client has reset the stream, or the connection has ended.
fn poll_reset(open: &Open, cx: &mut Context<'_>) -> Poll<()> {
    match &mut *open.respond().borrow_mut() {
        Some(respond) => respond.poll_reset(cx).map(|_| ()),
        None => Poll::Ready(()),
    }
}

/// Sends the head; the body, if there is one, is still to be sent.
fn send(open: &Open, response: Response<Taken>) -> Option<Sending<Taken>> {
    let (mut parts, body) = response.into_parts();
    let ends = body.is_end_stream();
    if let Some(length) = body.size_hint().exact().filter(|_| !ends) {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    parts.headers.entry(header::DATE).or_insert_with(date);
    let mut respond = open.respond().borrow_mut();
    let respond = respond.as_mut()?;
    match respond.send_response(Response::from_parts(parts, ()), ends) {
        Ok(stream) if !ends => Some(Sending::new(stream, body)),
        Ok(_) => None,
        Err(_) => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            None
        }
    }
}

async fn response(
    worker: &Rc<Worker>,
    request: Request<RecvStream>,
    accepted: Accepted,
    most: usize,
    open: &Open,
) -> Response<Taken> {
    let peer = accepted.peer;
    let began = worker.now();
    let (mut head, body) = request.into_parts();
    let head_only = head.method == Method::HEAD;
    let waits = head.headers.contains_key(header::EXPECT) && !body.is_end_stream();
    let body = Received::request(body, &head.headers);
    let snapshot = worker.shared.snapshot.load_full();
    let snapshot: &Snapshot = &snapshot;
    if let Err(refusal) = check::check(&mut head, &snapshot.spec.limits) {
        let refused = refused(worker, snapshot, peer, &head.headers, refusal);
        return with_body(refused, head_only, None, began, open);
    }
    open.paced(snapshot.spec.limits.min_rate);
    let continues = waits.then(|| open.owes_continue());
    let listener = snapshot.listener(accepted.listener);
    let mut head = RequestHead::from(head);
    let request = Arrived::new(&mut head, &listener, &|| None);
    let entry = Entry::begin(snapshot.access_log.as_ref(), &snapshot.time, request.head(), peer.ip(), began);
    let client = Client {
        peer: peer.ip(),
        began,
        scheme: Scheme::Http,
        trusted: &snapshot.spec.trusted,
        interims: Some(&**open.stream()),
        fields: open.client_fields(),
        entry: entry.as_deref(),
    };
    let grpc = is_grpc(&request.head().fields);
    let request = match request.ready() {
        Ok(request) => request,
        Err(stop) => {
            let stopped = stopped(&worker.proxy, stop, entry.as_deref(), grpc);
            return with_body(stopped, head_only, entry, began, open);
        }
    };
    let mut trailers = trailing(&listener, &snapshot.spec.limits);
    trailers.bytes = trailers.bytes.min(most);
    let body = Inbound::http2(body, continues, snapshot.spec.limits.body, trailers);
    let mut alarm = Alarm::default();
    let handled = {
        // Pinned where it is made, as in HTTP/1.1: nothing is left of it that could panic outside.
        let handled = pin!(handle(&worker.proxy, snapshot, request, body, client, &mut alarm));
        catch(handled).await
    };
    let mut handled = handled.unwrap_or_else(|panic| panicked(worker, &panic, entry.as_deref()));
    // As in HTTP/1.1, where the head leaves with the first part of the body: one that has broken off by then has a status.
    if let Err(error) = poll_fn(|cx| Poll::Ready(handled.response.body.look(cx))).await {
        let broken = broken_off(&error);
        handled.problem = Some(broken.kind());
        handled.why = Some(error.why());
        handled.response = problem_response(&worker.proxy, &broken, grpc).into();
    }
    with_body(handled, head_only, entry, began, open)
}

/// The most fields that are added to a response.
const ADDED: usize = 3;

fn with_body(
    handled: ProxyResponse,
    head_only: bool,
    entry: Option<Box<Entry>>,
    began: Instant,
    open: &Open,
) -> Response<Taken> {
    let ProxyResponse { response, route, problem, why, .. } = handled;
    let version = response.head.version;
    let mut response = response.into_http(ADDED);
    if problem.is_none() {
        let via = HeaderValue::from_static(via(version));
        response.headers_mut().append(header::VIA, via);
    }
    let (mut parts, mut body) = response.into_parts();
    if head_only && let Download::Whole(Some(bytes)) = &body {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(bytes.len()));
        body = Download::Empty;
    }
    let body = CountedBody {
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
    refusal: RequestHeadError,
) -> ProxyResponse {
    worker.shared.metrics.refused(refusal.name());
    let kind = kind_of(refusal.status());
    let why = Why::Request(refusal.name());
    let id = ProblemId::fresh();
    if let Some(log) = &snapshot.access_log {
        log.refused(peer.ip(), kind, why, id);
    }
    let response = problem_response(
        &worker.proxy,
        &Problem::new(kind).detail(refusal.to_string()).id(id),
        is_grpc(headers),
    )
    .into();
    ProxyResponse { response, route: None, tunnel: None, problem: Some(kind), why: Some(why) }
}
