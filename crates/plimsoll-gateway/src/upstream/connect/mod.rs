//! Connections to endpoints: made, kept and let go.
//!
//! Each worker has its own, so nothing is shared and nothing locked. hyper-util's pool is behind one mutex for all threads
//! and bounds only idle connections and their idle time; these also bound the age and the requests of a connection.
//!
//! | file | what |
//! | --- | --- |
//! | `http1` | kept connections of HTTP/1.1 |
//! | `http2` | connections of HTTP/2, and streams on them |
//! | `age` | how long a connection may be used |

mod age;
mod http1;
mod http2;

pub(crate) use http1::Http1Pool;
pub(crate) use http2::StreamPermit;

use super::{Endpoint, Upstream};
use crate::{h1::client::ClientConn, spec::Address};
use bytes::Bytes;
use http_body::Body;
use http1::Http1Pools;
use http2::Http2Pools;
use plimsoll::{driver::now, http::dial::Dialer};
use std::{collections::HashMap, io, rc::Rc};
use tokio::net::TcpStream;

/// A connection of HTTP/1.1, over which requests with bodies of type `B` are sent.
pub(crate) type Http1Connection<B> = ClientConn<TcpStream, B>;

/// Why there is no connection to an endpoint, or no stream on one.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// No connection came about.
    Failed(io::Error),
    /// The most connections that may be made are there, and have no room for another stream.
    Full,
}

/// Makes a connection to one of the endpoint's addresses.
pub(crate) async fn dial(dialer: &Dialer, address: &Address) -> io::Result<TcpStream> {
    dialer.dial(address.host(), address.port()).await
}

/// A worker's connections to endpoints, and what makes them. Requests of HTTP/1.1 have bodies of type `B`.
#[derive(Debug)]
pub(crate) struct Connections<B> {
    dialer: Dialer,
    http1: Http1Pools<B>,
    http2: Http2Pools,
}

impl<B> Connections<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
{
    /// Creates empty pools, whose connections this dialer makes.
    pub(crate) fn new(dialer: Dialer) -> Self {
        Self { dialer, http1: Http1Pools::default(), http2: Http2Pools::default() }
    }

    /// Returns the pool of this endpoint for HTTP/1.1.
    pub(crate) fn http1(&self, upstream: &Upstream, endpoint: &Endpoint) -> Rc<Http1Pool<B>> {
        self.http1.of(endpoint.id, &upstream.spec, &upstream.metrics)
    }

    /// Makes a connection for HTTP/1.1, which comes to this pool of the endpoint's after use.
    pub(crate) async fn connect(
        &self,
        pool: &Rc<Http1Pool<B>>,
        upstream: &Upstream,
        address: &Address,
    ) -> Result<Http1Connection<B>, ConnectError> {
        match dial(&self.dialer, address).await {
            Ok(socket) => {
                upstream.metrics.connected.inc();
                Ok(pool.adopt(socket))
            }
            Err(error) => {
                upstream.metrics.connect_failed.inc();
                Err(ConnectError::Failed(error))
            }
        }
    }

    /// Returns a permit for a stream to this endpoint over HTTP/2. Without `uploads` the request has no body.
    ///
    /// # Errors
    /// No connection came about, or the most that may be made are there and stay full.
    pub(crate) async fn http2(
        &self,
        upstream: &Upstream,
        endpoint: &Endpoint,
        uploads: bool,
    ) -> Result<StreamPermit, ConnectError> {
        self.http2.acquire(&self.dialer, upstream, endpoint, uploads).await
    }

    /// Lets go of connections that are idle for too long, closed or too old, and of those to endpoints and addresses that
    /// none of these upstreams has any more.
    pub(crate) fn sweep<'u>(&self, upstreams: impl Iterator<Item = &'u Upstream>) {
        let live: HashMap<u64, &Address> = upstreams
            .flat_map(|upstream| upstream.endpoints.iter().map(|endpoint| (endpoint.id, &endpoint.address)))
            .collect();
        // Has names looked up again whose time is over: while connections are kept, nobody else may ask for them.
        let addresses = |endpoint: u64| live.get(&endpoint).and_then(|at| self.dialer.addresses(at.host()));
        self.http1.sweep(now(), |endpoint| live.contains_key(&endpoint), addresses);
        self.http2.sweep(now(), |endpoint| live.contains_key(&endpoint), addresses);
    }
}
