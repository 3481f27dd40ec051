use super::FallbackService;
use crate::classify::ByResult;
use std::fmt;
use tower_layer::Layer;

/// A layer that replaces failed results. See the [module](super).
#[derive(Clone)]
pub struct FallbackLayer<F, C = ByResult> {
    fallback: F,
    classify: C,
}

impl<F> FallbackLayer<F> {
    /// A layer whose `fallback` receives each failed result and returns the future of its replacement.
    pub const fn new(fallback: F) -> Self {
        Self { fallback, classify: ByResult }
    }
}

impl<F, C> FallbackLayer<F, C> {
    /// Decides by `classify` which results are failures.
    pub fn classify<T>(self, classify: T) -> FallbackLayer<F, T> {
        FallbackLayer { fallback: self.fallback, classify }
    }
}

impl<S, F: Clone, C: Clone> Layer<S> for FallbackLayer<F, C> {
    type Service = FallbackService<S, F, C>;

    fn layer(&self, inner: S) -> Self::Service {
        FallbackService::new(inner, self.fallback.clone(), self.classify.clone())
    }
}

impl<F, C> fmt::Debug for FallbackLayer<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FallbackLayer")
    }
}
