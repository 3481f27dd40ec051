use super::{
    Body, Builder, Error, Handle, Origin, OriginError, RequestBuilder, RequestError,
    drive::drive,
    origin_state::OriginState,
    origins::Origins,
    propagate,
    sending::Sending,
    upload::{BoxError, Payload},
};
use crate::{headers::TraceParent, layers::HttpFacts};
use bytes::Bytes;
use http::{Method, Request, Response, Uri, uri::PathAndQuery};
use plimsoll_driver::Time;
use plimsoll_policy::{
    Instant, NamedPolicy,
    call::{Facts, Stages},
};
use plimsoll_task::Deadline;
use plimsoll_tower::Describe;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// An HTTP client whose calls run under their host's policy. See the [module](super).
///
/// Clones are cheap and share everything: connections, breakers, buckets.
#[derive(Clone)]
pub struct Client {
    pub(super) hosts: Arc<Origins>,
}

impl Client {
    /// Creates a client of one origin, under this policy. Targets are paths; other origins are refused.
    ///
    /// The policy may have a name ([`NamedPolicy`]: `("ledger", spec)`, or `policies.named("ledger")?`), which is a label of
    /// its metrics in [the registry of the process](plimsoll_telemetry::Registry::global).
    ///
    /// It needs no runtime; its calls need a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// If `origin` is not a scheme, a host and optionally a port.
    pub fn to(origin: &str, policy: impl Into<NamedPolicy>) -> Result<Self, OriginError> {
        Self::builder().origin(origin, policy)
    }

    /// Returns a builder of a client of one origin or of many.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Begins a request. `target` is a path, or a URI for a client of many hosts.
    pub fn request(&self, method: Method, target: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, target.as_ref())
    }

    /// Begins a GET.
    pub fn get(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, target)
    }

    /// Begins a HEAD.
    pub fn head(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, target)
    }

    /// Begins a POST, which is sent once, unless it is made [idempotent](RequestBuilder::idempotent).
    pub fn post(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, target)
    }

    /// Begins a PUT.
    pub fn put(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, target)
    }

    /// Begins a PATCH, which is sent once, unless it is made [idempotent](RequestBuilder::idempotent).
    pub fn patch(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, target)
    }

    /// Begins a DELETE.
    pub fn delete(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, target)
    }

    /// Returns handles of the machines, connections and policies of all hosts: the client's own origin, the configured hosts,
    /// and those used lately.
    pub fn handles(&self) -> Vec<Handle> {
        self.hosts.all().into_iter().map(Handle::new).collect()
    }

    /// Returns the handle of one host; `None` if the client has neither used nor configured it.
    pub fn handle(&self, origin: &Origin) -> Option<Handle> {
        self.handles().into_iter().find(|handle| handle.origin() == origin)
    }

    /// Sends a request, under the deadline and in the trace of the task that this is called in.
    ///
    /// Cancel safe: when it is dropped, the exchange ends and nothing is leaked.
    pub(super) async fn send(&self, request: Request<Payload>) -> Result<Response<Body>, Error> {
        let (host, path) = self.hosts.of(request.uri())?;
        self.send_to(host, path, request).await
    }

    pub(super) async fn send_to(
        &self,
        host: Arc<OriginState>,
        path: PathAndQuery,
        request: Request<Payload>,
    ) -> Result<Response<Body>, Error> {
        if let Some(flights) = self.hosts.flights.as_ref().filter(|_| request.method() == Method::GET) {
            return flights.fly(host, path, request).await;
        }
        begin(host, path, request).await
    }
}

/// One call, to the head of its response.
pub(super) async fn begin(
    host: Arc<OriginState>,
    path: PathAndQuery,
    mut request: Request<Payload>,
) -> Result<Response<Body>, Error> {
    let policy = host.policy.load_full();
    let describe = HttpFacts::default();
    let mut facts: Facts = describe.describe(&request);
    facts.deadline = facts.deadline.earliest(current_deadline(&host.settings.time));
    facts.rate_key = describe.key(&request).and_then(|key| policy.rate_key(key.as_bytes()));
    facts.stages = Stages::Reported;
    let again = policy.sends_again();
    if again {
        let body = std::mem::replace(request.body_mut(), Payload::Spent);
        *request.body_mut() = body.keep(host.settings.kept);
    }
    let replayable = request.body().is_replayable();
    facts.replayable = again && replayable;
    facts.hedgeable = again && request.body().is_hedgeable();
    if host.settings.propagate_trace
        && let Some(current) = TraceParent::current()
    {
        propagate::trace(request.headers_mut(), current);
    }
    // Without retries as well: a kept connection that is closed when it is used is no failure.
    let repeats = replayable && (again || facts.idempotent);
    let sending = Sending::new(request, path, facts.idempotent, repeats);
    drive(host, policy, sending, facts).await
}

fn current_deadline(time: &Time) -> Instant {
    Deadline::current().instant().map_or(Instant::FAR, |at| time.convert(at))
}

/// The result of a client's service.
type ResponseResult = Result<Response<Body>, Error>;

impl<B> Service<Request<B>> for Client
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = ResponseFuture;

    /// Always ready: admission happens in the call.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let client = self.clone();
        let request = request.map(Payload::stream);
        ResponseFuture(Box::pin(async move { client.send(request).await }))
    }
}

/// A call in progress. Cancel safe.
pub struct ResponseFuture(Pin<Box<dyn Future<Output = ResponseResult> + Send>>);

impl Future for ResponseFuture {
    type Output = ResponseResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ResponseResult> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("client::ResponseFuture")
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("hosts", &self.hosts).finish()
    }
}

/// Parses a target: a path, or a URI.
pub(super) fn target(text: &str) -> Result<Uri, RequestError> {
    text.parse().map_err(|_| RequestError::Target)
}
