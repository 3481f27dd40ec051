use super::{
    super::{
        edge::{EdgeFuture, Edged},
        metrics::RequestMetrics,
        noted::{self, Notes},
        reused::Reused,
        routes::Routes,
    },
    body::{Kept, Recorded},
    entry::Entry,
};
use crate::{
    headers::X_REQUEST_ID,
    inbound::{ClientLayer, Peer, RequestIdLayer, TraceLayer},
};
use http::{Request, Response};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use plimsoll_telemetry::{RegisterError, Registry, UpDown};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
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
        let mut kept = Reused::<Kept>::empty();
        kept.notes = Some(Notes::new(entry.began()));
        (kept.trace, kept.id, kept.entry) = (Some(trace), Some(value), Some(entry));
        let inner = self.inner.call(request, &mut kept.guarded);
        ResponseFuture { inner, kept: Some(kept) }
    }
}

pin_project! {
    /// A response under record. Dropped before it is there, its client is gone.
    pub(crate) struct ResponseFuture {
        #[pin]
        inner: EdgeFuture,
        // `None` once there is a response, which has it then.
        kept: Option<Reused<Kept>>,
    }

    impl PinnedDrop for ResponseFuture {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let Some(kept) = this.kept else { return };
            let Kept { guarded, notes, entry: Some(entry), .. } = &mut **kept else { return };
            // What it does meanwhile still belongs to the request.
            entry.within(|| {
                noted::during(notes, || {
                    this.inner.cancel(guarded);
                    guarded.clear();
                });
            });
            if let Some(taken) = notes.take().and_then(|notes| notes.taken) {
                entry.took(taken);
            }
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Recorded>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(kept) = this.kept else { return Poll::Pending };
        let Kept { guarded, notes, trace: Some(trace), id, body: place, entry: Some(entry) } = &mut **kept
        else {
            return Poll::Pending;
        };
        let polled = entry.within(|| {
            trace.sync_scope(|| {
                noted::during(notes, || this.inner.poll_with(guarded, cx, |body| *place = Some(body)))
            })
        });
        let mut answer = ready!(polled)?;
        entry.answered(notes.take().and_then(|notes| notes.taken), answer.status());
        if let Some(id) = id.take() {
            answer.headers_mut().insert(X_REQUEST_ID, id);
        }
        let Some(kept) = this.kept.take() else { return Poll::Pending };
        Poll::Ready(Ok(answer.map(|()| Recorded::new(kept))))
    }
}
