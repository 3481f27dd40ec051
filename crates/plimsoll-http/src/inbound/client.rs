//! The client of a request.

use crate::{
    headers::{Forwarding, Scheme, Strangers, TrustedProxy},
    layers::connected,
};
use http::{HeaderMap, Request};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// The address at the other end of the connection: in the extensions of each request that came on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer(
    /// Its address.
    pub SocketAddr,
);

/// Finds the client's address and puts it, as an [`IpAddr`], into the request's extensions, where
/// [`KeyBy::Client`](crate::layers::KeyBy::Client) looks for it.
///
/// It is the address of the [`Peer`], or of axum's `ConnectInfo<SocketAddr>`; if that is a trusted proxy,
/// the address in its `X-Forwarded-For` ([`Forwarding::client`]). A request without a peer is left as it is.
///
/// Behind a proxy that is not configured as trusted, all clients count as one and share every limit by client. So
/// forwarding headers from a peer that is not trusted are counted, and reported once in the log ([`Strangers`]).
#[derive(Clone, Debug, Default)]
pub struct ClientLayer {
    trusted: Arc<[TrustedProxy]>,
    strangers: Arc<Strangers>,
}

impl ClientLayer {
    /// Creates a layer that trusts these proxies and no other peer.
    pub fn trusting(proxies: impl IntoIterator<Item = TrustedProxy>) -> Self {
        Self { trusted: proxies.into_iter().collect(), strangers: Arc::default() }
    }

    /// Returns the client of a request with these headers from this peer. Counts a peer that is not believed.
    pub(crate) fn find(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        let forwarding = Forwarding { peer, scheme: Scheme::Http, trusted: &self.trusted };
        if forwarding.is_doubted(headers) {
            self.strangers.heard(peer, "Server::trusting");
        }
        forwarding.client(headers)
    }

    /// Returns the record of forwarding headers from peers that are not trusted. All clones of the layer share it.
    pub const fn strangers(&self) -> &Arc<Strangers> {
        &self.strangers
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService { inner, layer: self.clone() }
    }
}

/// A service whose requests have a client. See [`ClientLayer`].
#[derive(Clone, Debug)]
pub struct ClientService<S> {
    inner: S,
    layer: ClientLayer,
}

impl<S, B> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let extensions = request.extensions();
        let peer = extensions.get::<Peer>().map(|peer| peer.0).or_else(|| connected(extensions));
        if let Some(peer) = peer {
            let client = self.layer.find(peer.ip(), request.headers());
            request.extensions_mut().insert(client);
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;
    use std::convert::Infallible;
    use tower::{ServiceExt, service_fn};

    async fn client(trusted: &[&str], peer: Option<&str>) -> Option<IpAddr> {
        let service = service_fn(|request: Request<()>| async move {
            Ok::<_, Infallible>(Response::new(request.extensions().get::<IpAddr>().copied()))
        });
        let mut request = Request::new(());
        request.headers_mut().insert("x-forwarded-for", "198.51.100.7".parse().unwrap());
        if let Some(peer) = peer {
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        }
        let layer = ClientLayer::trusting(trusted.iter().map(|text| text.parse().unwrap()));
        layer.layer(service).oneshot(request).await.unwrap().into_body()
    }

    #[tokio::test]
    async fn a_proxy_that_nobody_named_is_counted_and_one_that_is_named_is_not() {
        let layer = ClientLayer::trusting(["10.0.0.0/8".parse().unwrap()]);
        let service =
            layer.layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) }));
        for (peer, field, seen) in [
            ("10.1.2.3:4", "x-forwarded-for", 0),
            ("192.168.0.1:4", "accept", 0),
            ("192.168.0.1:4", "x-forwarded-for", 1),
            ("192.168.0.1:4", "forwarded", 2),
            ("192.168.0.1:4", "x-real-ip", 3),
        ] {
            let mut request = Request::new(());
            request.headers_mut().insert(field, "198.51.100.7".parse().unwrap());
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            service.clone().oneshot(request).await.unwrap();
            assert_eq!(layer.strangers().count(), seen, "{peer} {field}");
        }
        assert_eq!(layer.strangers().last(), Some("192.168.0.1".parse().unwrap()));
    }

    #[cfg(feature = "server")]
    #[tokio::test]
    async fn the_peer_that_axum_knows_is_the_peer() {
        let service = service_fn(|request: Request<()>| async move {
            Ok::<_, Infallible>(Response::new(request.extensions().get::<IpAddr>().copied()))
        });
        let mut request = Request::new(());
        let peer: SocketAddr = "192.0.2.1:4".parse().unwrap();
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        let found = ClientLayer::default().layer(service).oneshot(request).await.unwrap();
        assert_eq!(found.into_body(), Some(peer.ip()));
    }

    #[tokio::test]
    async fn only_a_trusted_proxy_is_believed() {
        let address = |text: &str| Some(text.parse().unwrap());
        assert_eq!(client(&["10.0.0.0/8"], Some("10.1.2.3:4")).await, address("198.51.100.7"));
        assert_eq!(client(&["10.0.0.0/8"], Some("192.0.2.1:4")).await, address("192.0.2.1"));
        assert_eq!(client(&[], Some("[::ffff:192.0.2.1]:4")).await, address("192.0.2.1"));
        assert_eq!(client(&[], None).await, None);
    }
}
