//! Deduplication of concurrent requests: of equal GETs in flight at the same time, only one is sent.

use super::{Body, Error, client::begin, origin_state::OriginState, upload::Payload};
use crate::headers::{EXPECTED_TIMEOUT, GRPC_TIMEOUT, TRACEPARENT, TRACESTATE, X_REQUEST_ID};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Version, uri::PathAndQuery};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use plimsoll_policy::call::Facts;
use plimsoll_task::Deadline;
use plimsoll_tower::{Describe, Key, SingleflightLayer, singleflight::SingleflightService};
use smallvec::SmallVec;
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// The rules for equal GETs, and the limits of the responses that are shared.
///
/// Equal are those to the same origin, with the same path and query, and with the same headers: any header may change
/// the response, whether it names the caller (`authorization`, `cookie`, an API key), a condition (`if-none-match`,
/// `if-match`, …), a part (`range`) or a format, so requests that differ in one are shared only if it is excluded.
/// Excluded by default are the headers that differ between equal requests: `traceparent`, `tracestate`, `baggage`,
/// `x-request-id`, and the timeout. A request with a body is always sent by itself.
///
/// A response larger than the limit cannot be shared: one caller gets it as it is, and the others send their own
/// requests.
#[derive(Clone, Debug)]
pub struct Singleflight {
    ignored: Vec<HeaderName>,
    bound: usize,
    flights: usize,
    followers: usize,
}

impl Default for Singleflight {
    /// Creates a layer for responses of up to 1 MiB and at most 1024 shared calls of 1024 followers each; further
    /// requests are sent alone.
    fn default() -> Self {
        const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
        let ignored = vec![TRACEPARENT, TRACESTATE, BAGGAGE, X_REQUEST_ID, EXPECTED_TIMEOUT, GRPC_TIMEOUT];
        Self { ignored, bound: 1 << 20, flights: 1024, followers: 1024 }
    }
}

impl Singleflight {
    /// Excludes this header: requests that differ in it alone are equal.
    #[must_use]
    pub fn ignoring(mut self, header: HeaderName) -> Self {
        self.ignored.push(header);
        self
    }

    /// Sets the largest response that is shared, in bytes.
    #[must_use]
    pub const fn bounded(mut self, bytes: usize) -> Self {
        self.bound = bytes;
        self
    }

    fn key(&self, host: &OriginState, path: &PathAndQuery, headers: &HeaderMap) -> Bytes {
        let mut key = BytesMut::with_capacity(256);
        part(&mut key, host.origin.authority().as_bytes());
        part(&mut key, if host.origin.is_secure() { b"s" } else { b"" });
        part(&mut key, path.as_str().as_bytes());
        self.add_headers(&mut key, headers);
        key.freeze()
    }

    fn add_headers(&self, key: &mut BytesMut, headers: &HeaderMap) {
        let mut names: SmallVec<[&HeaderName; 16]> =
            headers.keys().filter(|name| !self.ignored.contains(name)).collect();
        // In which order they were set is no difference; that of one header's values is.
        names.sort_unstable_by_key(|name| name.as_str());
        for name in names {
            for value in headers.get_all(name) {
                part(key, name.as_str().as_bytes());
                part(key, value.as_bytes());
            }
        }
    }
}

/// Appends a part with its length, so that two different lists of parts never give the same bytes.
fn part(key: &mut BytesMut, bytes: &[u8]) {
    key.put_u64(bytes.len() as u64);
    key.put_slice(bytes);
}

/// A request with the bytes that identify equal ones.
struct SharedRequest {
    key: Bytes,
    host: Arc<OriginState>,
    path: PathAndQuery,
    request: Request<Payload>,
    /// True if this caller's request was the one that was sent.
    led: Arc<AtomicBool>,
}

#[derive(Clone)]
struct ByKey;

impl Describe<SharedRequest> for ByKey {
    fn describe(&self, _: &SharedRequest) -> Facts {
        Facts::default()
    }

    fn key<'r>(&self, passenger: &'r SharedRequest) -> Option<Key<'r>> {
        Some(Key::from(&*passenger.key))
    }
}

/// The result that all callers get.
#[derive(Clone)]
enum Landed {
    Whole(Arc<Head>, Bytes),
    /// Larger than can be shared; the first caller takes it.
    Single(Arc<Mutex<Option<Response<Body>>>>),
    Failed(Error),
}

struct Head {
    status: StatusCode,
    version: Version,
    headers: HeaderMap,
}

/// Sends the request and reads its response, up to the limit.
#[derive(Clone)]
struct Going {
    bound: usize,
}

impl Service<SharedRequest> for Going {
    type Response = Landed;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Landed, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, passenger: SharedRequest) -> Self::Future {
        let bound = self.bound;
        passenger.led.store(true, Relaxed);
        Box::pin(async move { Ok(go(passenger, bound).await.unwrap_or_else(Landed::Failed)) })
    }
}

async fn go(passenger: SharedRequest, bound: usize) -> Result<Landed, Error> {
    let SharedRequest { host, path, request, .. } = passenger;
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

/// The shared requests of one client.
pub(super) struct Flights {
    how: Singleflight,
    service: SingleflightService<Going, ByKey, Landed, Infallible>,
}

impl Flights {
    pub(super) fn new(how: Singleflight) -> Self {
        let layer = SingleflightLayer::bounded(ByKey, how.flights, how.followers);
        Self { service: layer.layer(Going { bound: how.bound }), how }
    }

    /// Sends the request, or waits for an equal one in flight, at most until the caller's own deadline.
    ///
    /// Cancel safe: if the sending caller is dropped, one of the waiting callers sends the request in its place.
    pub(super) async fn fly(
        &self,
        host: Arc<OriginState>,
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
        let passenger = SharedRequest {
            key,
            host: Arc::clone(&host),
            path: path.clone(),
            request,
            led: Arc::clone(&led),
        };
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
                let taken = single.lock().take();
                match taken {
                    Some(response) => Ok(response),
                    None => begin(host, path, again).await,
                }
            }
            // The sending caller had less time than this one.
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    fn same(one: &[(&'static str, &str)], other: &[(&'static str, &str)]) -> bool {
        let flights = Singleflight::default().ignoring(header::USER_AGENT);
        let key = |fields: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            let mut key = BytesMut::new();
            flights.add_headers(&mut key, &headers);
            key.freeze()
        };
        key(one) == key(other)
    }

    #[test]
    fn requests_that_may_get_different_responses_are_not_shared() {
        for name in [
            "accept",
            "accept-language",
            "authorization",
            "proxy-authorization",
            "cookie",
            "x-api-key",
            "x-tenant",
            "range",
            "if-range",
            "if-match",
            "if-none-match",
            "if-modified-since",
            "if-unmodified-since",
            "cache-control",
            "prefer",
            "x-forwarded-for",
        ] {
            assert!(!same(&[(name, "a")], &[(name, "b")]), "{name}");
            assert!(!same(&[(name, "a")], &[]), "{name}");
            assert!(same(&[(name, "a")], &[(name, "a")]), "{name}");
        }
        assert!(!same(&[("accept", "a"), ("accept", "b")], &[("accept", "b"), ("accept", "a")]));
        assert!(!same(&[("accept", "a"), ("range", "b")], &[("accept", "b"), ("range", "a")]));
    }

    #[test]
    fn what_tells_equal_requests_apart_does_not() {
        for name in ["traceparent", "tracestate", "x-request-id", "user-agent"] {
            assert!(same(&[(name, "a")], &[(name, "b")]), "{name}");
        }
        assert!(same(&[("accept", "a"), ("range", "b")], &[("range", "b"), ("accept", "a")]));
    }
}
