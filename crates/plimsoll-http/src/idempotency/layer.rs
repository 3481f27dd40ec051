use super::{
    Durations, IdempotencyService, OnConflict, Store,
    metrics::Metrics,
    settings::{Scope, Settings, is_final_with_client_errors},
};
use crate::Problem;
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use plimsoll_telemetry::{RegisterError, Registry};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use tokio::sync::Semaphore;
use tower_layer::Layer;

/// The default number of requests with a key that are in progress at once.
const AT_ONCE: usize = 1024;

/// A layer that processes a repeated request once. See the [module](super).
///
/// Put it inside the authentication and outside the work, on single routes (`route_layer`) or on all: requests of other
/// methods, and requests without a key if none is required, pass unchanged.
pub struct IdempotencyLayer<St> {
    pub(super) store: Arc<St>,
    pub(super) settings: Arc<Settings>,
    pub(super) metrics: Metrics,
    pub(super) places: Arc<Semaphore>,
    pub(super) at_once: usize,
    /// Whether the log has warned that there is no scope.
    warned: Arc<AtomicBool>,
}

impl<St: Store> IdempotencyLayer<St> {
    /// Creates a layer for `POST` and `PATCH` with optional keys, 409 for a second request at the same time, bodies and
    /// responses of up to 1 MiB, and the default durations.
    pub fn new(store: impl Into<Arc<St>>) -> Self {
        Self {
            store: store.into(),
            settings: Arc::default(),
            metrics: Metrics::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            at_once: AT_ONCE,
            warned: Arc::default(),
        }
    }

    /// Requires a key: a request without one gets 400.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.settings_mut().required = true;
        self
    }

    /// Adds a `Link` to the documentation of keys to each refusal because of a key (400, 409, 422). `url` is put into the
    /// header unchanged; an invalid one is ignored.
    #[must_use]
    pub fn documented_at(mut self, url: &str) -> Self {
        let link = format!("<{url}>; rel=\"describedby\"; type=\"text/html\"");
        self.settings_mut().documentation = HeaderValue::try_from(link).ok();
        self
    }

    /// Sets the methods.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.settings_mut().methods = methods.into_iter().collect();
        self
    }

    /// Sets the handling of requests whose key is in progress.
    #[must_use]
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.settings_mut().on_conflict = on_conflict;
        self
    }

    /// Sets the durations.
    #[must_use]
    pub fn durations(mut self, durations: Durations) -> Self {
        self.settings_mut().durations = durations;
        self
    }

    /// Sets the owner of a request's key: the authenticated user, or the tenant. It must be the same for each try (a user's
    /// id is, a renewed token is not).
    #[must_use]
    pub fn scope(mut self, scope: impl Fn(&Parts) -> Vec<u8> + Send + Sync + 'static) -> Self {
        self.settings_mut().scope = Scope::Of(Arc::new(scope));
        self
    }

    /// Declares that all clients share one space of keys, so that the log does not warn.
    #[must_use]
    pub fn one_scope(mut self) -> Self {
        self.settings_mut().scope = Scope::One;
        self
    }

    /// Sets the largest request body, in bytes. Bodies are held in memory; a larger one gets 413.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.settings_mut().body_limit = bytes;
        self
    }

    /// Sets the largest response that is kept, in bytes. Of a larger one only the fact is kept: the request sent again gets
    /// 409 `answer-not-kept`.
    #[must_use]
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.settings_mut().response_limit = bytes;
        self
    }

    /// Adds a header to the fingerprint: requests that differ in it are different. `Content-Type` counts already.
    #[must_use]
    pub fn counting_header(mut self, name: HeaderName) -> Self {
        self.settings_mut().counting_headers.push(name);
        self
    }

    /// Adds a header that is stored with a response. Those that describe the content are stored already.
    #[must_use]
    pub fn keeping_header(mut self, name: HeaderName) -> Self {
        self.settings_mut().kept_headers.push(name);
        self
    }

    /// Also stores 4xx responses, except 401, 408, 425 and 429, which are temporary. For a service whose refusals are final
    /// decisions. The responses to nonsense then fill the client's share of the store.
    #[must_use]
    pub fn keeping_client_errors(self) -> Self {
        self.final_where(is_final_with_client_errors)
    }

    /// Sets which statuses are final: their responses are stored, others free the key. By default all below 400 are final.
    #[must_use]
    pub fn final_where(mut self, is_final: fn(StatusCode) -> bool) -> Self {
        self.settings_mut().is_final = is_final;
        self
    }

    /// Sets the most requests with a key in progress at once, including those whose client has left; further ones get 503.
    /// All later clones of the layer share this limit.
    #[must_use]
    pub fn at_once(mut self, requests: usize) -> Self {
        let requests = requests.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        self.places = Arc::new(Semaphore::new(requests));
        self.at_once = requests;
        self
    }

    /// Registers the metric `plimsoll_idempotency_total` by `event`.
    ///
    /// # Errors
    /// If the registry is full, or has a metric of that name and other labels.
    pub fn counted(mut self, registry: &Registry) -> Result<Self, RegisterError> {
        self.metrics = Metrics::new(registry)?;
        Ok(self)
    }

    /// Returns the store.
    pub fn store(&self) -> &St {
        &self.store
    }

    /// Returns the number of requests with a key in progress, including those whose client has left.
    pub fn under_way(&self) -> usize {
        self.at_once - self.places.available_permits()
    }

    /// Waits until no request is in progress, for a drain after the last request. New ones meanwhile get 503.
    ///
    /// Cancel safe: when it is dropped, new requests are accepted again.
    pub async fn idle(&self) {
        // The clamp in `at_once` keeps it within a u32; the semaphore is never closed.
        let _all = self.places.acquire_many(self.at_once as u32).await;
    }

    fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}

impl<St> IdempotencyLayer<St> {
    /// Returns the scope of a request's key. Where none is set, one log line explains the consequence.
    pub(super) fn scope_of(&self, request: &Parts) -> Option<Vec<u8>> {
        match &self.settings.scope {
            Scope::Of(scope) => Some(scope(request)),
            Scope::One => None,
            Scope::Unset => {
                if !self.warned.swap(true, Relaxed) {
                    tracing::warn!(
                        "idempotency keys have no scope: whoever guesses a key and sends the same request reads \
                         another client's response; name the client by IdempotencyLayer::scope, or say that there is \
                         but one by IdempotencyLayer::one_scope"
                    );
                }
                None
            }
        }
    }

    /// Returns a refusal with a link to the documentation of keys.
    pub(super) fn explained(&self, problem: Problem) -> Problem {
        match &self.settings.documentation {
            Some(link) => problem.header(header::LINK, link.clone()),
            None => problem,
        }
    }
}

impl<St> Clone for IdempotencyLayer<St> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            settings: Arc::clone(&self.settings),
            metrics: self.metrics.clone(),
            places: Arc::clone(&self.places),
            at_once: self.at_once,
            warned: Arc::clone(&self.warned),
        }
    }
}

impl<St> fmt::Debug for IdempotencyLayer<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyLayer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<S, St> Layer<S> for IdempotencyLayer<St> {
    type Service = IdempotencyService<S, St>;

    fn layer(&self, inner: S) -> Self::Service {
        IdempotencyService::new(inner, self.clone())
    }
}
