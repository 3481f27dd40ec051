//! From a request to its answer: the way in, whatever the protocol.

use super::{
    Alarm, Download, InterimSink, Settled, Stop, Switched, TrailerError, Trailing,
    attempt::Sending,
    drive::{Refused, drive},
    facts, forward,
    upload::Uploads,
};
use crate::{
    access_log::Entry,
    h1, hostname,
    http2::{Received, is_too_long},
    in_flight::InFlight,
    route::Subject,
    snapshot::{Route, Snapshot},
    why::Why,
    worker::Worker,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, Version, header, request};
use http_body::{Body, Frame, SizeHint};
use plimsoll::http::{
    Chain, Kind, Problem, ProblemId,
    headers::{Forwarding, Scheme, TraceParent, TrustedProxy},
    is_grpc,
};
use std::{
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::net::TcpStream;

/// Whom a request came from.
#[derive(Clone, Debug)]
pub(crate) struct Client<'a> {
    pub(crate) peer: IpAddr,
    pub(crate) scheme: Scheme,
    pub(crate) trusted: &'a [TrustedProxy],
    /// For interim answers, where the client can read them.
    pub(crate) interims: Option<&'a dyn InterimSink>,
    /// Its line in the access log, if it gets one.
    pub(crate) entry: Option<&'a Entry>,
}

impl Client<'_> {
    /// The client's own address, as far as it is believed.
    pub(crate) fn address(&self, headers: &HeaderMap) -> IpAddr {
        if self.trusted.is_empty() {
            return self.peer;
        }
        Forwarding { peer: self.peer, scheme: self.scheme, trusted: self.trusted }.client(headers)
    }
}

/// A request's body as it comes in, and what is taken of its trailers.
#[derive(Debug)]
pub(crate) struct Inbound {
    source: InboundSource,
    trailing: Trailing,
}

#[derive(Debug)]
enum InboundSource {
    Http1(h1::Incoming),
    Http2 {
        body: Received,
        /// Bytes that may still come.
        left: u64,
        /// Where the client waits for `100 Continue`, until the body is asked for.
        continues: Option<Rc<dyn InterimSink>>,
    },
}

impl Inbound {
    /// A body whose reader bounds it.
    pub(crate) fn http1(body: h1::Incoming, trailing: Trailing) -> Self {
        Self { source: InboundSource::Http1(body), trailing }
    }

    /// A body of which at most `limit` bytes are taken. Where the client waits for `100 Continue`, that is sent to
    /// `continues` once the body is asked for and nothing of it is there.
    pub(crate) fn http2(
        body: Received,
        continues: Option<Rc<dyn InterimSink>>,
        limit: u64,
        trailing: Trailing,
    ) -> Self {
        Self { source: InboundSource::Http2 { body, left: limit, continues }, trailing }
    }
}

/// Why a request's body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InboundError {
    #[error(transparent)]
    Http1(h1::BodyError),
    #[error(transparent)]
    Http2(h2::Error),
    #[error("the body is longer than the limit")]
    TooLarge,
    #[error("the body came too slowly")]
    TooSlow,
    #[error("what follows the body is larger than is taken")]
    TrailersTooLarge,
    #[error("a trailer's name has something else than letters, digits and dashes")]
    TrailerName,
    #[error("a trailer is malformed")]
    TrailerMalformed,
}

impl From<TrailerError> for InboundError {
    fn from(fault: TrailerError) -> Self {
        match fault {
            TrailerError::TooLarge => Self::TrailersTooLarge,
            TrailerError::Name => Self::TrailerName,
            TrailerError::Malformed => Self::TrailerMalformed,
        }
    }
}

impl InboundError {
    /// Whether it is larger than is taken.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Http1(h1::BodyError::TooLarge) | Self::TooLarge)
    }

    /// Whether what follows it is larger than is taken.
    pub(crate) fn is_trailer_too_large(&self) -> bool {
        matches!(
            self,
            Self::TrailersTooLarge | Self::Http1(h1::BodyError::Chunk(h1::ChunkedError::TrailerTooLarge))
        ) || matches!(self, Self::Http2(error) if is_too_long(error))
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = InboundError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        let this = self.get_mut();
        let mut polled = match &mut this.source {
            InboundSource::Http1(body) => Pin::new(body).poll_frame(cx).map_err(InboundError::Http1),
            InboundSource::Http2 { body, left, continues } => {
                let polled = Pin::new(body).poll_frame(cx).map_err(InboundError::Http2);
                if let Some(continues) = continues.take()
                    && polled.is_pending()
                {
                    let mut interim = Response::new(());
                    *interim.status_mut() = StatusCode::CONTINUE;
                    continues.send(interim);
                }
                if let Poll::Ready(Some(Ok(frame))) = &polled {
                    let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                    let Some(rest) = left.checked_sub(length) else {
                        return Poll::Ready(Some(Err(InboundError::TooLarge)));
                    };
                    *left = rest;
                }
                polled
            }
        };
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
            && let Err(fault) = this.trailing.settle(trailers)
        {
            return Poll::Ready(Some(Err(fault.into())));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            InboundSource::Http1(body) => body.is_end_stream(),
            InboundSource::Http2 { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            InboundSource::Http1(body) => body.size_hint(),
            InboundSource::Http2 { body, .. } => body.size_hint(),
        }
    }
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response<Download>,
    /// The route it took, if any did.
    pub(crate) route: Option<InFlight>,
    /// The endpoint's side, if both have switched protocols.
    pub(crate) tunnel: Option<Box<Tunnel>>,
    /// The gateway's own problem, if it responded with one.
    pub(crate) problem: Option<Kind>,
    /// Why, then.
    pub(crate) why: Option<Why>,
}

/// An endpoint's side of a connection that has switched protocols.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) io: TcpStream,
    /// Read behind the answer's head.
    pub(crate) leftover: Bytes,
    /// The call that it came of, which goes on.
    pub(crate) switched: Switched,
}

/// Answers a request. Whatever goes wrong is an answer too.
///
/// Dropped, the attempts under way are cancelled and everything admitted is settled as such.
pub(crate) async fn handle(
    worker: &Worker,
    snapshot: &Snapshot,
    request: Settled<'_>,
    body: Inbound,
    client: Client<'_>,
    alarm: &mut Alarm,
) -> Answered {
    let parts = request.into_inner();
    let speaks = Speaks::of(parts);
    // Apart from the headers, which are changed while the path is still looked at.
    let uri = std::mem::take(&mut parts.uri);
    let route = match find(snapshot, &uri, parts) {
        Ok(route) => route,
        Err(none) => {
            let id = id_of(&parts.headers, client.entry);
            return refused(worker, none, &speaks, None, id);
        }
    };
    let route = InFlight::on(route);
    let target = forward::target(&uri, &route);
    let uploads = Uploads::new(body, &snapshot.spec.limits, worker.time());
    let special = forward::Special::of(&parts.headers);
    let facts = facts::facts(&route, parts, &special, &uploads, &client);
    let charged = facts::charge_others(&route, parts, worker.time());
    if let Some(entry) = client.entry {
        entry.routed(route.route(), client.address(&parts.headers));
    }
    let added = forward::request(parts, special, &client, snapshot.spec.trace_sample);
    if added.is_doubted() {
        worker.shared.strangers.heard(client.peer, "trusted");
    }
    let id = ProblemId::new(added.trace.trace);
    if let Some(entry) = client.entry {
        entry.traced(id);
    }
    if let Err(rejected) = charged {
        let why = Why::Policy(rejected.reason);
        let problem = Problem::from(rejected);
        return refused(worker, Refused { problem, why }, &speaks, Some(route), id);
    }
    let sending = Sending {
        parts,
        target: &target,
        added: &added,
        uploads: &uploads,
        interims: client.interims,
        idempotent: facts.idempotent,
    };
    match drive(worker, route.route(), sending, facts, client.entry, alarm).await {
        Ok((mut response, tunnel)) => {
            forward::answer(response.headers_mut(), tunnel.is_some());
            Answered { response, route: Some(route), tunnel, problem: None, why: None }
        }
        Err(refusal) => refused(worker, refusal, &speaks, Some(route), id),
    }
}

/// How a refusal must be spoken for the client to understand it.
struct Speaks {
    grpc: bool,
}

impl Speaks {
    fn of(parts: &request::Parts) -> Self {
        Self { grpc: parts.version == Version::HTTP_2 && is_grpc(&parts.headers) }
    }
}

fn find(snapshot: &Snapshot, uri: &Uri, parts: &request::Parts) -> Result<Arc<Route>, Refused> {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let (host, _) = hostname::split(host);
    let subject = Subject { host, path: uri.path(), method: &parts.method, headers: &parts.headers };
    let found = snapshot.routes.find(&subject).map(Arc::clone);
    found.ok_or_else(|| Refused { problem: Problem::new(Kind::NoRoute), why: Why::NoRoute })
}

/// Returns the id of a request that is not sent on, and puts it into its line: the id of the trace that it came with, or a
/// fresh one.
fn id_of(headers: &HeaderMap, entry: Option<&Entry>) -> ProblemId {
    let id = TraceParent::of(headers).map_or_else(ProblemId::fresh, |came| ProblemId::new(came.trace));
    if let Some(entry) = entry {
        entry.traced(id);
    }
    id
}

/// The answer to a request that goes no further than its arrival.
pub(crate) fn stopped(
    worker: &Worker,
    (stop, head): (Stop, &request::Parts),
    entry: Option<&Entry>,
    grpc: bool,
) -> Answered {
    let Some(problem) = stop.problem() else {
        return Answered {
            response: super::arrival::own(),
            route: None,
            tunnel: None,
            problem: None,
            why: None,
        };
    };
    let name = stop.name();
    worker.shared.metrics.refused(name);
    let id = id_of(&head.headers, entry);
    refused(worker, Refused { problem, why: Why::Request(name) }, &Speaks { grpc }, None, id)
}

fn refused(
    worker: &Worker,
    refused: Refused,
    speaks: &Speaks,
    route: Option<InFlight>,
    id: ProblemId,
) -> Answered {
    let Refused { problem, why } = refused;
    let problem = problem.id(id);
    if let Some(inside) = problem.inside() {
        tracing::debug!(kind = problem.kind().name(), %id, error = %Chain(inside), "refused");
    }
    let response = spoken(worker, &problem, speaks.grpc);
    Answered { response, route, tunnel: None, problem: Some(problem.kind()), why: Some(why) }
}

/// A problem as an answer of the gateway's own, counted.
pub(crate) fn spoken(worker: &Worker, problem: &Problem, grpc: bool) -> Response<Download> {
    worker.shared.metrics.problem(problem.kind());
    let response = if grpc { problem.to_grpc() } else { problem.to_http() };
    let mut response = response.map(Download::whole);
    if let Ok(status) = HeaderValue::try_from(proxy_status(problem)) {
        response.headers_mut().insert("proxy-status", status);
    }
    response
}

/// `Proxy-Status` ([RFC 9209](https://www.rfc-editor.org/rfc/rfc9209)): the nearest of its error types, and our own name.
fn proxy_status(problem: &Problem) -> String {
    let error = match problem.kind() {
        Kind::UpstreamUnreachable => "connection_refused",
        Kind::UpstreamBroken => "http_protocol_error",
        Kind::UpstreamHeadTooLarge => "http_response_header_section_size",
        Kind::AttemptTimeout | Kind::DeadlineExceeded => "http_response_timeout",
        Kind::NoEndpoint | Kind::CircuitOpen | Kind::Isolated => "destination_unavailable",
        Kind::RateLimited => "http_request_denied",
        Kind::BulkheadFull | Kind::ConcurrencyLimited | Kind::Overloaded | Kind::Throttled => {
            "connection_limit_reached"
        }
        Kind::Internal => "proxy_internal_error",
        Kind::NoRoute => "destination_not_found",
        _ => "http_request_error",
    };
    format!("{}; error={error}; details=\"{}\"", forward::PSEUDONYM, problem.kind().name())
}
