use super::{BoundaryService, OnPanic, metrics::Metrics};
use http::HeaderName;
use plimsoll_telemetry::{RegisterError, Registry};
use std::sync::{Arc, atomic::AtomicBool};
use tower_layer::Layer;

/// Turns every failure of a service into one form. See the [module](super).
///
/// For services of any body type over `http`'s requests and responses whose error is `Into<Problem>`: an axum router, a
/// hyper service, tonic's routes. The service it makes never fails.
#[derive(Clone, Debug)]
pub struct BoundaryLayer {
    shared: Arc<Shared>,
}

/// State that all services of a layer share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    pub(super) metrics: Option<Metrics>,
    pub(super) on_panic: OnPanic,
    /// True once the first panic has been reported.
    pub(super) panicked: Arc<AtomicBool>,
    pub(super) show_rejections: bool,
    /// Headers that a response keeps in addition to the standard list.
    pub(super) kept: Vec<HeaderName>,
}

impl BoundaryLayer {
    /// Creates a layer that turns panics into responses, counts nothing, and passes on no text of foreign responses.
    pub fn new() -> Self {
        plimsoll_task::panic::install_hook();
        Self { shared: Arc::default() }
    }

    /// Counts problems and panics in this registry.
    ///
    /// # Errors
    /// If the registry is full, or has metrics of these names and other labels.
    pub fn counted(mut self, registry: &Registry) -> Result<Self, RegisterError> {
        self.shared_mut().metrics = Some(Metrics::new(registry)?);
        Ok(self)
    }

    /// Sets how panics are handled.
    #[must_use]
    pub fn on_panic(mut self, way: OnPanic) -> Self {
        self.shared_mut().on_panic = way;
        self
    }

    /// Passes on the plain text of a foreign 4xx response (at most 512 bytes) as the problem's `detail`, for example
    /// "missing field `amount`" of an extractor. Off by default, since any layer may have written that text. The text
    /// of a 5xx response is never passed on.
    #[must_use]
    pub fn showing_rejections(mut self) -> Self {
        self.shared_mut().show_rejections = true;
        self
    }

    /// Keeps this header of a response when the response becomes a problem. Headers that do not describe the content
    /// are kept anyway: `Retry-After`, `Allow`, `WWW-Authenticate`, `Set-Cookie`, `Link`, `Location`,
    /// those of CORS, of rate limits, of a browser's policies, and some more. All others are removed, since they may
    /// describe the replaced content, or reveal something that was not meant for a failure.
    #[must_use]
    pub fn keeping_header(mut self, name: HeaderName) -> Self {
        self.shared_mut().kept.push(name);
        self
    }

    #[cfg(feature = "server")]
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.shared)
    }
}

impl Default for BoundaryLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for BoundaryLayer {
    type Service = BoundaryService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BoundaryService::new(inner, Arc::clone(&self.shared))
    }
}
