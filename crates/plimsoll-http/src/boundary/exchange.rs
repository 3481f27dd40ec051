use super::{
    BoundaryBody, OnPanic, ReportedProblem, layer::Shared, panics::caught, upstream_text::UpstreamText,
};
use crate::{Chain, Kind, Problem, ProblemId, headers::TraceParent, is_grpc};
use http::{Extensions, HeaderMap, Method, Request, Response, Version, header};
use plimsoll_task::panic::PanicError;
use std::{
    error::Error,
    sync::{Arc, atomic::Ordering::Relaxed},
};

/// The parts of a request that are kept for the report of a failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    method: Verb,
    grpc: bool,
    id: Option<ProblemId>,
}

impl Asked {
    #[inline]
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let method = Verb::of(request.method());
        // A call of gRPC is a POST over HTTP/2 or later: no header is looked up for the rest.
        let may_be_grpc = request.version() > Version::HTTP_11 && method == Verb::Post;
        let grpc = may_be_grpc && is_grpc(request.headers());
        let traced = || TraceParent::current().map(|here| ProblemId::new(here.trace));
        Self { method, grpc, id: request.extensions().get().copied().or_else(traced) }
    }

    /// Whether a tunnel is asked for, whose success has no body.
    #[cfg(feature = "server")]
    pub(crate) fn is_connect(self) -> bool {
        self.method == Verb::Connect
    }
}

/// A request whose failures are reported.
#[derive(Debug)]
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    asked: Asked,
    route: RouteName,
}

/// The route's pattern, never the path: the number of patterns is small.
#[derive(Clone, Debug, Default)]
pub(crate) enum RouteName {
    #[default]
    Unknown,
    #[cfg(feature = "server")]
    Matched(axum::extract::MatchedPath),
    #[cfg(feature = "server")]
    Known(Arc<str>),
}

impl RouteName {
    #[cfg(feature = "server")]
    #[inline]
    fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().map_or(Self::Unknown, Self::Matched)
    }

    #[cfg(not(feature = "server"))]
    #[inline]
    const fn of(_: &Extensions) -> Self {
        Self::Unknown
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Unknown => "",
            #[cfg(feature = "server")]
            Self::Matched(path) => path.as_str(),
            #[cfg(feature = "server")]
            Self::Known(name) => name,
        }
    }
}

/// A method for the log, in one byte. A client cannot make it print arbitrary text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verb {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Patch,
    Options,
    Connect,
    Trace,
    Other,
}

impl Verb {
    #[inline]
    const fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::DELETE => Self::Delete,
            Method::PATCH => Self::Patch,
            Method::OPTIONS => Self::Options,
            Method::CONNECT => Self::Connect,
            Method::TRACE => Self::Trace,
            _ => Self::Other,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
            Self::Connect => "CONNECT",
            Self::Trace => "TRACE",
            Self::Other => "_OTHER",
        }
    }
}

/// The place of a panic.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PanicSite {
    Handler,
    Body,
    Drop,
}

impl PanicSite {
    const fn name(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Body => "body",
            Self::Drop => "drop",
        }
    }
}

impl Exchange {
    #[inline]
    pub(super) fn of<B>(request: &Request<B>, shared: Arc<Shared>) -> Self {
        Self::new(shared, Asked::of(request), RouteName::of(request.extensions()))
    }

    #[inline]
    pub(crate) const fn new(shared: Arc<Shared>, asked: Asked, route: RouteName) -> Self {
        Self { shared, asked, route }
    }

    /// Whether its problems are counted under no route.
    #[cfg(feature = "server")]
    pub(crate) const fn is_nameless(&self) -> bool {
        matches!(self.route, RouteName::Unknown)
    }

    /// The same request, whose problems are counted under this route.
    #[cfg(feature = "server")]
    pub(crate) fn on_route(&self, route: RouteName) -> Self {
        Self { shared: Arc::clone(&self.shared), asked: self.asked, route }
    }

    /// From now on its problems are counted under this route.
    #[cfg(feature = "server")]
    pub(crate) fn set_route(&mut self, route: RouteName) {
        self.route = route;
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Returns the problem for a response of which only the status is known. In gRPC a 404 means an unknown method.
    pub(super) fn problem_of(&self, status: http::StatusCode) -> Problem {
        if self.asked.grpc && status == http::StatusCode::NOT_FOUND {
            return Problem::new(Kind::NoRoute);
        }
        Problem::of_status(status)
    }

    /// Logs and counts a problem, and returns its response. `kept` are headers of the replaced response; the problem's
    /// own headers take precedence.
    #[cold]
    pub(super) fn replace<B>(
        &self,
        problem: Arc<Problem>,
        mut kept: HeaderMap,
        extensions: Extensions,
    ) -> Response<BoundaryBody<B>> {
        let id = problem
            .known_as()
            .or(self.asked.id)
            .or_else(|| (weight_of(&problem) != Weight::Light).then(ProblemId::fresh));
        self.note(&problem, id);
        let response = if self.asked.grpc { problem.grpc_as(id) } else { problem.http_as(id) };
        let (mut parts, body) = response.into_parts();
        for name in parts.headers.keys() {
            kept.remove(name);
        }
        parts.headers.extend(kept);
        parts.extensions = extensions;
        parts.extensions.insert(ReportedProblem::settled(problem));
        let body = if self.asked.method == Verb::Head {
            // What GET would have got, without the body.
            parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
            BoundaryBody::empty()
        } else {
            BoundaryBody::whole(body)
        };
        Response::from_parts(parts, body)
    }

    /// Logs and counts a problem and makes its response.
    pub(crate) fn respond<B>(&self, problem: Problem) -> Response<BoundaryBody<B>> {
        self.replace(Arc::new(problem), HeaderMap::new(), Extensions::new())
    }

    fn note(&self, problem: &Problem, id: Option<ProblemId>) {
        let (kind, route) = (problem.kind(), self.route.as_str());
        let id = id.map(tracing::field::display);
        macro_rules! say {
            ($level:ident) => {
                tracing::$level!(kind = kind.name(), id, method = self.asked.method.name(), route, error = %problem.chain(), "problem")
            };
        }
        match weight_of(problem) {
            Weight::Fault => say!(error),
            Weight::Caused => say!(warn),
            Weight::Light => say!(debug),
        }
        self.count(kind);
    }

    /// Counts a problem whose response was made elsewhere.
    pub(super) fn count(&self, kind: Kind) {
        if let Some(metrics) = &self.shared.metrics {
            metrics.problem(kind, self.route.as_str());
        }
    }

    /// Returns the response to a panic, if it can still be sent.
    #[cold]
    pub(crate) fn panicked<B>(&self, panicked: PanicError) -> Response<BoundaryBody<B>> {
        let id = self.asked.id.unwrap_or_else(ProblemId::fresh);
        self.note_panic(PanicSite::Handler, &panicked, id);
        self.respond(Problem::internal(panicked).id(id))
    }

    /// Logs and counts a panic after the response's head, and returns its id.
    #[cold]
    pub(crate) fn panicked_late(&self, place: PanicSite, panicked: &PanicError) -> ProblemId {
        let id = self.late_id();
        self.note_panic(place, panicked, id);
        id
    }

    /// Returns the id of a failure after the response's head.
    pub(super) fn late_id(&self) -> ProblemId {
        self.asked.id.unwrap_or_else(ProblemId::fresh)
    }

    /// Returns whether the call is a gRPC call.
    pub(crate) const fn is_grpc(&self) -> bool {
        self.asked.grpc
    }

    fn note_panic(&self, place: PanicSite, panicked: &PanicError, id: ProblemId) {
        let (route, method) = (self.route.as_str(), self.asked.method.name());
        let at = panicked.location().map(tracing::field::display);
        tracing::error!(place = place.name(), %id, method, route, message = panicked.message(), at, "panicked");
        if let Some(metrics) = &self.shared.metrics {
            metrics.panic(place.name(), route);
        }
        match &self.shared.on_panic {
            OnPanic::Respond => {}
            OnPanic::RespondThenDrain(drain) => {
                if !self.shared.panicked.swap(true, Relaxed)
                    && let Err(panicked) = caught(|| drain(panicked))
                {
                    tracing::error!(
                        message = panicked.message(),
                        "what was to be done after a panic panicked"
                    );
                }
            }
            OnPanic::Abort => std::process::abort(),
        }
    }

    /// Records a body that broke off.
    #[cold]
    pub(super) fn broken_body(&self, error: Option<&(dyn Error + 'static)>, id: ProblemId) {
        let route = self.route.as_str();
        if let Some(error) = error {
            tracing::error!(%id, method = self.asked.method.name(), route, error = %Chain(error), "the body of a response broke off");
        }
        if let Some(metrics) = &self.shared.metrics {
            metrics.broken_body(route);
        }
    }
}

/// The log level of a problem.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// An operator has to investigate.
    Fault,
    /// Temporarily unavailable because something broke (a store is down, no free descriptors), not because of a limit.
    Caused,
    /// A client error, or a limit that worked as intended.
    Light,
}

fn weight_of(problem: &Problem) -> Weight {
    let kind = problem.kind();
    if kind.is_refusal() {
        // The text of an upstream response is no error, and there can be a flood of those.
        let cause = problem.inside().filter(|inside| !inside.is::<UpstreamText>());
        if cause.is_some() { Weight::Caused } else { Weight::Light }
    } else if kind.status().is_server_error() {
        Weight::Fault
    } else {
        Weight::Light
    }
}
