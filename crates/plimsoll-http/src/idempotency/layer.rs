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

/// As many requests with a key are worked on at once unless told otherwise.
const AT_ONCE: usize = 1024;

/// Does a request that is sent twice once. See the [module](super).
///
/// Put it inside whatever knows the caller, and outside whatever does the work; on single routes (`route_layer`), or on
/// all: requests of other methods, and those without a key where none is required, pass untouched.
pub struct IdempotencyLayer<St> {
    pub(super) store: Arc<St>,
    pub(super) settings: Arc<Settings>,
    pub(super) metrics: Metrics,
    pub(super) places: Arc<Semaphore>,
    pub(super) at_once: usize,
    /// Whether the log has it that there is no scope.
    warned: Arc<AtomicBool>,
}

impl<St: Store> IdempotencyLayer<St> {
    /// For `POST` and `PATCH`, keys optional, a second request at the same time gets 409, bodies and responses of up to
    /// 1 MiB, durations as by default.
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

    /// The same, and a request without a key gets 400.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.settings_mut().required = true;
        self
    }

    /// The same, and whoever is refused because of its key (400, 409, 422) is told by a `Link` where to read about it.
    /// `url` is put into the header as it is; one that cannot stand there is left out.
    #[must_use]
    pub fn documented_at(mut self, url: &str) -> Self {
        let link = format!("<{url}>; rel=\"describedby\"; type=\"text/html\"");
        self.settings_mut().documentation = HeaderValue::try_from(link).ok();
        self
    }

    /// The same for these methods.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.settings_mut().methods = methods.into_iter().collect();
        self
    }

    /// The same with another way with requests whose key is under way.
    #[must_use]
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.settings_mut().on_conflict = on_conflict;
        self
    }

    /// The same with other durations.
    #[must_use]
    pub fn durations(mut self, durations: Durations) -> Self {
        self.settings_mut().durations = durations;
        self
    }

    /// The same, and each of these has keys of its own: the authenticated user, the tenant. What it is made of must
    /// stay the same from one try to the next (a user's id does, a token that is renewed does not).
    #[must_use]
    pub fn scope(mut self, scope: impl Fn(&Parts) -> Vec<u8> + Send + Sync + 'static) -> Self {
        self.settings_mut().scope = Scope::Of(Arc::new(scope));
        self
    }

    /// The same, and all clients share one space of keys, because there is but one, or because that is meant: the log does
    /// not warn of it.
    #[must_use]
    pub fn one_scope(mut self) -> Self {
        self.settings_mut().scope = Scope::One;
        self
    }

    /// The same, taking bodies of up to so many bytes: they are held in memory. A larger one gets 413.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.settings_mut().body_limit = bytes;
        self
    }

    /// The same, keeping answers of up to so many bytes. Of a larger one it is kept that it was given: the request sent
    /// again gets 409 `answer-not-kept`.
    #[must_use]
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.settings_mut().answer_limit = bytes;
        self
    }

    /// The same, and two requests that differ in this header are not the same. `Content-Type` counts already.
    #[must_use]
    pub fn counting_header(mut self, name: HeaderName) -> Self {
        self.settings_mut().counting_headers.push(name);
        self
    }

    /// The same, and this header of a response is kept with it. Those that describe the content are already.
    #[must_use]
    pub fn keeping_header(mut self, name: HeaderName) -> Self {
        self.settings_mut().kept_headers.push(name);
        self
    }

    /// The same, and responses of 4xx are kept, but for 401, 408, 425 and 429, which pass by themselves. For a service whose
    /// refusals are decisions that must stay. A client that sends nonsense fills its share of the store with the responses.
    #[must_use]
    pub fn keeping_client_errors(self) -> Self {
        self.final_where(is_final_with_client_errors)
    }

    /// The same, and these statuses are final: their responses are kept. Others free the key. As it is without this, all
    /// below 400 are.
    #[must_use]
    pub fn final_where(mut self, is_final: fn(StatusCode) -> bool) -> Self {
        self.settings_mut().is_final = is_final;
        self
    }

    /// The same with at most so many requests with a key under way at once, those included whose client has left;
    /// more get 503. All clones of the layer made from here on share them.
    #[must_use]
    pub fn at_once(mut self, requests: usize) -> Self {
        let requests = requests.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        self.places = Arc::new(Semaphore::new(requests));
        self.at_once = requests;
        self
    }

    /// The same, counting in this registry: `plimsoll_idempotency_total` by `event`.
    ///
    /// # Errors
    /// If the registry is full, or has a metric of that name and other labels.
    pub fn counted(mut self, registry: &Registry) -> Result<Self, RegisterError> {
        self.metrics = Metrics::new(registry)?;
        Ok(self)
    }

    /// The store.
    pub fn store(&self) -> &St {
        &self.store
    }

    /// How many requests with a key are under way, those included whose client has left.
    pub fn under_way(&self) -> usize {
        self.at_once - self.places.available_permits()
    }

    /// Until none is under way: for a drain, once no request comes any more. New ones meanwhile get 503.
    ///
    /// Cancel safe: dropped, new ones are taken again.
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
                         another client's answer; name the client by IdempotencyLayer::scope, or say that there is \
                         but one by IdempotencyLayer::one_scope"
                    );
                }
                None
            }
        }
    }

    /// A refusal with the way to where keys are explained.
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
