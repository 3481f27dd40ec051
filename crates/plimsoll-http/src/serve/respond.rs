//! The service as one connection sees it.

use super::{
    activity::{ActiveRequest, ConnectionActivity},
    response_body::ResponseBody,
    slots::Slot,
    streams::{Stream, Streams},
};
use crate::inbound::Peer;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{Extensions, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::{body::Incoming, service::Service};
use pin_project_lite::pin_project;
use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};
use tokio::time::Instant;

/// Takes a place in a map of extensions, which stays when it has gone.
#[derive(Clone)]
struct Room<const N: u8>;

/// The extensions that every request of a connection has. A copy of it has room for what else a request usually gets
/// there, so that the map is not moved while it grows.
pub(super) fn known(peer: Option<SocketAddr>, slot: Option<Slot>) -> Extensions {
    let mut known = Extensions::new();
    if let Some(peer) = peer {
        known.insert(Peer(peer));
        known.insert(ConnectInfo(peer));
        known.insert(peer.ip());
    }
    if let Some(slot) = slot {
        known.insert(slot);
    }
    known.insert(Room::<0>);
    known.insert(Room::<1>);
    known.insert(Room::<2>);
    known.remove::<Room<0>>();
    known.remove::<Room<1>>();
    known.remove::<Room<2>>();
    known
}

/// The service as one connection sees it: its requests know whose they are, and the connection knows of them.
///
/// It is not asked whether it is ready: what is served is so at any time, and refuses when it is called.
pub(super) struct ConnectionService<S> {
    pub(super) inner: S,
    pub(super) activity: Arc<ConnectionActivity>,
    pub(super) streams: Arc<Streams>,
    pub(super) known: Extensions,
}

impl<S, B> Service<Request<Incoming>> for ConnectionService<S>
where
    S: tower_service::Service<Request<Incoming>, Response = Response<B>, Future: Unpin> + Clone,
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = RespondFuture<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let multiplexed = request.version() == Version::HTTP_2;
        let active = self.activity.begin(multiplexed);
        let extensions = request.extensions_mut();
        if extensions.is_empty() {
            *extensions = self.known.clone();
        } else {
            extensions.extend(self.known.clone());
        }
        let connect = *request.method() == Method::CONNECT;
        let whole = !multiplexed && request.body().is_end_stream();
        // ConnectionService and not in the future: hyper spawns that next.
        let over = if multiplexed {
            Over::Stream(self.streams.open(active))
        } else {
            Over::Connection(active, Arc::clone(&self.streams))
        };
        let mut inner = self.inner.clone().call(request);
        // Next, hyper reads on, for the end of the connection. While a request lives, so does what it was read into, and
        // hyper takes new room. Most are over with the first poll; the others are polled again at once, with a waker.
        let ready = if whole {
            match Pin::new(&mut inner).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(ready) => Some(ready),
                Poll::Pending => None,
            }
        } else {
            None
        };
        RespondFuture { inner, ready, over: Some(over), connect }
    }
}

/// The connection or stream that carries a response.
enum Over {
    Connection(ActiveRequest, Arc<Streams>),
    Stream(Arc<Stream>),
}

impl Over {
    fn active(&self) -> &ActiveRequest {
        match self {
            Self::Connection(active, _) => active,
            Self::Stream(stream) => stream.active(),
        }
    }
}

pin_project! {
    pub(super) struct RespondFuture<F: Future> {
        #[pin]
        inner: F,
        // The end of it, where it came before hyper polled.
        ready: Option<F::Output>,
        over: Option<Over>,
        connect: bool,
    }
}

impl<F, B, E> Future for RespondFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Send + 'static,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = match this.ready.take() {
            Some(ready) => ready,
            None => ready!(this.inner.poll(cx)),
        }?;
        let over = this.over.take().expect("a future is not polled after its end");
        let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS
            || *this.connect && answer.status().is_success();
        if switches {
            let activity = over.active().activity();
            match &over {
                Over::Connection(..) => activity.switch(),
                // It is one stream of the connection that becomes something else.
                Over::Stream(_) => activity.carries(Instant::now()),
            }
        }
        Poll::Ready(Ok(answer.map(|inner| match over {
            Over::Connection(active, streams) => ResponseBody::alone(inner, active, &streams),
            Over::Stream(stream) => ResponseBody::of(inner, stream),
        })))
    }
}
