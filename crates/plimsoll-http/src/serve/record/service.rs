use super::{
    super::{
        edge::{EdgeFuture, Edged},
        metrics::RequestMetrics,
        noted::{self, Notes},
        routes::Routes,
    },
    body::Recorded,
    entry::Entry,
};
use crate::{
    headers::{TraceParent, X_REQUEST_ID},
    inbound::{ClientLayer, Peer, RequestIdLayer, TraceLayer},
};
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use plimsoll_telemetry::{RegisterError, Registry, UpDown};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
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

impl Record {
    /// Records the requests of this app.
    pub(crate) fn around(&self, inner: Edged) -> Recording {
        Recording { inner, shared: Arc::clone(&self.0) }
    }
}

/// An app whose requests are recorded.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    inner: Edged,
    shared: Arc<Shared>,
}

impl Service<Request<Incoming>> for Recording {
    type Response = Response<Recorded>;
    type Error = Infallible;
    type Future = ResponseFuture;

    /// Always: so is the app within.
    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, mut request: Request<Incoming>) -> ResponseFuture {
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
        let notes = Some(Notes::new(entry.began()));
        ResponseFuture { inner: Some(self.inner.call(request)), notes, trace, id: value, entry: Some(entry) }
    }
}

pin_project! {
    /// A response under record. Dropped before it is there, its client is gone.
    pub(crate) struct ResponseFuture {
        // `None` once it is dropped: what it does meanwhile still belongs to the request.
        #[pin]
        inner: Option<EdgeFuture>,
        notes: Option<Notes>,
        trace: TraceParent,
        id: HeaderValue,
        entry: Option<Entry>,
    }

    impl PinnedDrop for ResponseFuture {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(entry) = this.entry else { return };
            entry.within(|| noted::during(this.notes, || this.inner.set(None)));
            if let Some(taken) = this.notes.take().and_then(|notes| notes.taken) {
                entry.took(taken);
            }
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Recorded>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (Some(entry), Some(inner)) = (&this.entry, this.inner.as_pin_mut()) else { return Poll::Pending };
        let mut polled = entry.within(|| {
            this.trace.sync_scope(|| noted::during(this.notes, || inner.poll_with(cx, Recorded::new)))
        });
        if let Poll::Ready(Ok(answer)) = &mut polled
            && let Some(mut entry) = this.entry.take()
        {
            entry.answered(this.notes.take().and_then(|notes| notes.taken), answer.status());
            let id = std::mem::replace(this.id, HeaderValue::from_static(""));
            answer.headers_mut().insert(X_REQUEST_ID, id);
            answer.body_mut().hold(entry);
        }
        polled
    }
}
