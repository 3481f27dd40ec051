use super::{
    super::{
        metrics::RequestMetrics,
        routes::{Routes, TAKEN, Taken},
    },
    body::Recorded,
    entry::Entry,
};
use http::{Request, Response};
use pin_project_lite::pin_project;
use plimsoll_telemetry::{RegisterError, Registry, UpDown};
use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;
use tracing::{
    Span,
    instrument::{Instrument, Instrumented},
};

/// Records every request. Stands outside of whatever can refuse one.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) routes: Routes,
    in_flight: UpDown,
    /// Whether each request is a line.
    lines: bool,
}

impl Record {
    pub(crate) fn new(registry: &Registry, lines: bool) -> Result<Self, RegisterError> {
        let metrics = RequestMetrics::new(registry)?;
        Ok(Self { in_flight: metrics.in_flight.clone(), routes: Routes::new(metrics), lines })
    }
}

impl<S> Layer<S> for Record {
    type Service = Recording<S>;

    fn layer(&self, inner: S) -> Recording<S> {
        Recording { inner, record: self.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Recording<S> {
    inner: S,
    record: Record,
}

impl<S, B, R> Service<Request<B>> for Recording<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<Recorded<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let entry = Entry::begin(&request, &self.record.routes, &self.record.in_flight, self.record.lines);
        let span = entry.span();
        let inner = span.in_scope(|| self.inner.call(request)).instrument(span.clone());
        let routes = self.record.routes.clone();
        ResponseFuture { inner: TAKEN.scope(RefCell::new(None), inner), span, routes, entry: Some(entry) }
    }
}

pin_project! {
    /// A response under record. Dropped before it is there, its client is gone.
    pub(crate) struct ResponseFuture<F> {
        // Before the entry: what it does while it is dropped still belongs to the request.
        #[pin]
        inner: TaskLocalFuture<RefCell<Option<Taken>>, Instrumented<F>>,
        span: Span,
        routes: Routes,
        entry: Option<Entry>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let taken = this.inner.take_value().and_then(RefCell::into_inner);
            if let Some(entry) = this.entry
                && let Some(route) = taken.and_then(|taken| taken.route(entry.route()))
            {
                entry.took(route);
            }
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<Recorded<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let answer = ready!(this.inner.as_mut().poll(cx))?;
        let taken = this.inner.take_value().and_then(RefCell::into_inner);
        let Some(mut entry) = this.entry.take() else { return Poll::Pending };
        this.routes.answered(taken.as_ref(), answer.status());
        if let Some(route) = taken.and_then(|taken| taken.route(entry.route())) {
            entry.took(route);
        }
        entry.answered(answer.status());
        let span = this.span.clone();
        Poll::Ready(Ok(answer.map(|inner| Recorded::new(inner, span, entry))))
    }
}
