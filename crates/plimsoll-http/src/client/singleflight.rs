//! Of equal GETs at the same time, one is sent.

use super::{Body, Error, client::begin, host::Host, upload::Payload};
use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, Request, Response, StatusCode, Version,
    header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, RANGE},
    uri::PathAndQuery,
};
use http_body_util::BodyExt;
use plimsoll_policy::call::Facts;
use plimsoll_task::Deadline;
use plimsoll_tower::{Describe, Key, SingleflightLayer, singleflight::SingleflightService};
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Which GETs are equal, and how much of their answers is kept to be shared.
///
/// Equal are those to the same origin, with the same path and query, and with the same values of the headers that are part
/// of the key: `accept`, `accept-encoding`, `accept-language`, `authorization`, `cookie` and `range` unless said otherwise. A
/// request with a body goes by itself.
///
/// An answer larger than the bound cannot be shared: one caller gets it as it is, and the others ask by themselves.
#[derive(Clone, Debug)]
pub struct Singleflight {
    headers: Vec<HeaderName>,
    bound: usize,
    flights: usize,
    followers: usize,
}

impl Default for Singleflight {
    /// Answers of up to 1 MiB; at most 1024 flights of 1024 followers, and beyond that everybody goes alone.
    fn default() -> Self {
        let headers = vec![ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, RANGE];
        Self { headers, bound: 1 << 20, flights: 1024, followers: 1024 }
    }
}

impl Singleflight {
    /// This header is part of the key too.
    #[must_use]
    pub fn vary_by(mut self, header: HeaderName) -> Self {
        self.headers.push(header);
        self
    }

    /// Answers of up to so many bytes are shared.
    #[must_use]
    pub const fn bounded(mut self, bytes: usize) -> Self {
        self.bound = bytes;
        self
    }

    fn key(&self, host: &Host, path: &PathAndQuery, headers: &HeaderMap) -> Bytes {
        let mut key = BytesMut::with_capacity(128);
        // Each part with its length: no two lists of parts read the same.
        let mut part = |bytes: &[u8]| {
            key.put_u64(bytes.len() as u64);
            key.put_slice(bytes);
        };
        part(host.origin.authority().as_bytes());
        part(if host.origin.is_secure() { b"s" } else { b"" });
        part(path.as_str().as_bytes());
        for name in &self.headers {
            for value in headers.get_all(name) {
                part(name.as_str().as_bytes());
                part(value.as_bytes());
            }
        }
        key.freeze()
    }
}

/// A request, and the bytes by which equal ones are known.
struct Passenger {
    key: Bytes,
    host: Arc<Host>,
    path: PathAndQuery,
    request: Request<Payload>,
    /// It was this one that went.
    led: Arc<AtomicBool>,
}

#[derive(Clone)]
struct ByKey;

impl Describe<Passenger> for ByKey {
    fn describe(&self, _: &Passenger) -> Facts {
        Facts::default()
    }

    fn key<'r>(&self, passenger: &'r Passenger) -> Option<Key<'r>> {
        Some(Key::from(&*passenger.key))
    }
}

/// What all who asked get.
#[derive(Clone)]
enum Landed {
    Whole(Arc<Head>, Bytes),
    /// Larger than can be shared: for whoever takes it first.
    Single(Arc<Mutex<Option<Response<Body>>>>),
    Failed(Error),
}

struct Head {
    status: StatusCode,
    version: Version,
    headers: HeaderMap,
}

/// Sends the request and reads its answer, up to the bound.
#[derive(Clone)]
struct Going {
    bound: usize,
}

impl Service<Passenger> for Going {
    type Response = Landed;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Landed, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, passenger: Passenger) -> Self::Future {
        let bound = self.bound;
        passenger.led.store(true, Relaxed);
        Box::pin(async move { Ok(go(passenger, bound).await.unwrap_or_else(Landed::Failed)) })
    }
}

async fn go(passenger: Passenger, bound: usize) -> Result<Landed, Error> {
    let Passenger { host, path, request, .. } = passenger;
    let mut response = begin(host, path, request).await?;
    let single = |response| Ok(Landed::Single(Arc::new(Mutex::new(Some(response)))));
    let body = response.body_mut();
    if http_body::Body::size_hint(body).lower() > bound as u64 {
        return single(response);
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        read.extend_from_slice(&data);
        if read.len() > bound {
            body.unread(read.freeze());
            return single(response);
        }
    }
    let (parts, _) = response.into_parts();
    let head = Head { status: parts.status, version: parts.version, headers: parts.headers };
    Ok(Landed::Whole(Arc::new(head), read.freeze()))
}

/// The flights of one client.
pub(super) struct Flights {
    how: Singleflight,
    service: SingleflightService<Going, ByKey, Landed, Infallible>,
}

impl Flights {
    pub(super) fn new(how: Singleflight) -> Self {
        let layer = SingleflightLayer::bounded(ByKey, how.flights, how.followers);
        Self { service: layer.layer(Going { bound: how.bound }), how }
    }

    /// Goes, or waits for whoever goes already; in any case no longer than until the caller's own deadline.
    ///
    /// Cancel safe: dropped while going, one of those who wait goes in its stead.
    pub(super) async fn fly(
        &self,
        host: Arc<Host>,
        path: PathAndQuery,
        request: Request<Payload>,
    ) -> Result<Response<Body>, Error> {
        if !matches!(request.body(), Payload::Empty) {
            return begin(host, path, request).await;
        }
        let led = Arc::new(AtomicBool::new(false));
        let key = self.how.key(&host, &path, request.headers());
        let mut again = Request::new(Payload::Empty);
        again.headers_mut().clone_from(request.headers());
        *again.extensions_mut() = request.extensions().clone();
        let passenger =
            Passenger { key, host: Arc::clone(&host), path: path.clone(), request, led: Arc::clone(&led) };
        let flight = self.service.clone().call(passenger);
        let Ok(landed) = Deadline::current().enforce(flight).await else {
            let limit = plimsoll_policy::Limit::Total;
            return Err(Error::TimedOut { limit, origin: host.origin.clone() });
        };
        match landed.unwrap_or_else(|never| match never {}) {
            Landed::Whole(head, bytes) => {
                let mut response = Response::new(Body::whole(bytes));
                *response.status_mut() = head.status;
                *response.version_mut() = head.version;
                response.headers_mut().clone_from(&head.headers);
                Ok(response)
            }
            Landed::Single(single) => {
                let taken = single.lock().unwrap_or_else(PoisonError::into_inner).take();
                match taken {
                    Some(response) => Ok(response),
                    None => begin(host, path, again).await,
                }
            }
            // Whoever went had less time than we have.
            Landed::Failed(error)
                if error.timed_out() == Some(plimsoll_policy::Limit::Total) && !led.load(Relaxed) =>
            {
                begin(host, path, again).await
            }
            Landed::Failed(error) => Err(error),
        }
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("how", &self.how).finish_non_exhaustive()
    }
}
