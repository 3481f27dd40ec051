use super::{
    super::{metrics::RequestMetrics, noted::Notes, routes::Routes},
    body::Recorded,
    entry::Entry,
};
use crate::{
    headers::{TraceParent, X_REQUEST_ID},
    inbound::{ClientLayer, Peer, RequestIdLayer, TraceLayer},
};
use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use plimsoll_telemetry::{RegisterError, Registry, UpDown};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// How requests get their names.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) traces: TraceLayer,
    pub(crate) ids: RequestIdLayer,
    pub(crate) clients: ClientLayer,
}

/// Records every request. Stands outside of whatever can refuse one.
#[derive(Clone, Debug)]
pub(crate) struct Record(Arc<Shared>);

/// The parts that all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) routes: Routes,
    pub(super) in_flight: UpDown,
    names: Names,
    /// Whether each request is a line.
    pub(super) lines: bool,
}

impl Record {
    pub(crate) fn new(registry: &Registry, names: Names, lines: bool) -> Result<Self, RegisterError> {
        let metrics = RequestMetrics::new(registry)?;
        let in_flight = metrics.in_flight.clone();
        Ok(Self(Arc::new(Shared { routes: Routes::new(metrics), in_flight, names, lines })))
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.0.routes
    }
}

impl<S> Layer<S> for Record {
    type Service = Recording<S>;

    fn layer(&self, inner: S) -> Recording<S> {
        Recording { inner, shared: Arc::clone(&self.0) }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Recording<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, B, R> Service<Request<B>> for Recording<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<Recorded<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Names { traces, ids, clients } = &self.shared.names;
        let trace = traces.begin(request.headers());
        let id = ids.name(request.headers(), Some(trace));
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        let client = peer.map(|peer| clients.find(peer, request.headers()));
        let entry = Entry::begin(&request, &self.shared, &id, trace, client);
        let value = id.value().clone();
        let extensions = request.extensions_mut();
        extensions.insert(id);
        // The peer's own address is there already.
        if let Some(client) = client.filter(|_| client != peer) {
            extensions.insert(client);
        }
        let mut notes = Notes::new(entry.began());
        let inner = entry.within(|| trace.sync_scope(|| notes.during(|| self.inner.call(request))));
        ResponseFuture { inner: Some(inner), notes, trace, id: value, entry: Some(entry) }
    }
}

pin_project! {
    /// A response under record. Dropped before it is there, its client is gone.
    pub(crate) struct ResponseFuture<F> {
        // `None` once it is dropped: what it does meanwhile still belongs to the request.
        #[pin]
        inner: Option<F>,
        notes: Notes,
        trace: TraceParent,
        id: HeaderValue,
        entry: Option<Entry>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(entry) = this.entry else { return };
            entry.within(|| this.notes.during(|| this.inner.set(None)));
            if let Some(taken) = this.notes.taken.take() {
                entry.took(taken);
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
        let this = self.project();
        let (Some(entry), Some(inner)) = (&this.entry, this.inner.as_pin_mut()) else { return Poll::Pending };
        let polled = entry.within(|| this.trace.sync_scope(|| this.notes.during(|| inner.poll(cx))));
        let mut answer = ready!(polled)?;
        let Some(mut entry) = this.entry.take() else { return Poll::Pending };
        entry.answered(this.notes.taken.take(), answer.status());
        let id = std::mem::replace(this.id, HeaderValue::from_static(""));
        answer.headers_mut().insert(X_REQUEST_ID, id);
        Poll::Ready(Ok(answer.map(|inner| Recorded::new(inner, entry))))
    }
}
