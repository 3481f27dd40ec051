//! The trace that a request belongs to: continued, or begun.

use crate::{
    ProblemId,
    headers::{TRACEPARENT, TraceParent},
};
use http::{HeaderMap, Request};
use plimsoll_policy::units::Ratio;
use plimsoll_task::trace::Scoped;
use plimsoll_tower::driver::draw;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Continues a request's trace, or begins one.
///
/// The [`TraceParent`] in the request's extensions, and in [`TraceParent::current`] while its response is made, has the
/// trace that came (or a new one) and a span of our own: what is asked of others meanwhile is that span's child. Problems
/// of the request have the trace as their [`ProblemId`], unless it has one already.
///
/// A new trace is marked as sampled, or the part of them that [`sample`](Self::sample) says: what is asked of others
/// meanwhile follows that mark, and of an unmarked trace records nothing. A trace that came goes on as it was marked.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TraceLayer {
    sample: Ratio,
}

impl TraceLayer {
    /// Marks every new trace.
    pub const fn new() -> Self {
        Self { sample: Ratio::ONE }
    }

    /// Marks this part of new traces.
    #[must_use]
    pub const fn sample(self, sample: Ratio) -> Self {
        Self { sample }
    }

    /// Returns the trace of a request with these headers, and a span of our own in it.
    pub(crate) fn begin(self, headers: &HeaderMap) -> TraceParent {
        // One look at each name: most requests belong to no trace yet.
        let came =
            if headers.keys().any(|name| *name == TRACEPARENT) { TraceParent::of(headers) } else { None };
        let fresh = || u128::from(draw().bits()) << 64 | u128::from(draw().bits());
        let trace = came.map_or_else(|| fresh().max(1), |came| came.trace);
        let marked = || u8::from(self.sample == Ratio::ONE || draw().unit() < self.sample.get());
        let flags = came.map_or_else(marked, |came| came.flags);
        TraceParent { trace, parent: draw().bits().max(1), flags }
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TraceService { inner, layer: *self }
    }
}

/// A service whose requests belong to traces. See [`TraceLayer`].
#[derive(Clone, Debug)]
pub struct TraceService<S> {
    inner: S,
    layer: TraceLayer,
}

impl<S, B> Service<Request<B>> for TraceService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    /// Cancel safe where the inner one is.
    type Future = Scoped<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let here = self.layer.begin(request.headers());
        let extensions = request.extensions_mut();
        extensions.insert(here);
        if extensions.get::<ProblemId>().is_none() {
            extensions.insert(ProblemId::new(here.trace));
        }
        here.scope(self.inner.call(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Response};
    use std::convert::Infallible;
    use tower::{ServiceExt, service_fn};

    const CAME: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    async fn within(request: Request<()>) -> TraceParent {
        within_sampled(request, Ratio::ONE).await
    }

    async fn within_sampled(request: Request<()>, sample: Ratio) -> TraceParent {
        let service = service_fn(|request: Request<()>| async move {
            let here = *request.extensions().get::<TraceParent>().unwrap();
            assert_eq!(TraceParent::current(), Some(here));
            let id = *request.extensions().get::<ProblemId>().unwrap();
            assert_eq!(id, ProblemId::new(here.trace));
            Ok::<_, Infallible>(Response::new(here))
        });
        TraceLayer::new().sample(sample).layer(service).oneshot(request).await.unwrap().into_body()
    }

    #[tokio::test]
    async fn a_trace_goes_on_with_a_span_of_ours() {
        let mut request = Request::new(());
        request.headers_mut().insert(TRACEPARENT, HeaderValue::from_static(CAME));
        let here = within(request).await;
        assert_eq!((here.trace, here.flags), (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 1));
        assert_ne!(here.parent, 0x00f0_67aa_0ba9_02b7);
        assert_eq!(TraceParent::current(), None, "nothing of it is left behind");
    }

    #[tokio::test]
    async fn without_one_a_trace_begins() {
        let (one, two) = (within(Request::new(())).await, within(Request::new(())).await);
        assert_ne!(one.trace, two.trace);
        assert_eq!(one.flags, 1, "whoever follows the mark goes on recording");
        assert_eq!(within_sampled(Request::new(()), Ratio::ZERO).await.flags, 0);
        let mut request = Request::new(());
        request.headers_mut().insert(TRACEPARENT, HeaderValue::from_static(CAME));
        assert_eq!(within_sampled(request, Ratio::ZERO).await.flags, 1, "the mark that came stays");
    }
}
