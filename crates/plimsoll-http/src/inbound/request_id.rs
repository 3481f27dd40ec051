//! A name for each request, the same in the response, in the log and for the caller.

use crate::headers::{TraceParent, X_REQUEST_ID, hex, short_value};
use http::{HeaderMap, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use plimsoll_tower::driver::draw;
use std::{
    fmt,
    pin::Pin,
    str::FromStr,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// The longest id that is taken from a caller, in bytes.
const LONGEST: usize = 128;

/// The digits of an id of our own.
const DIGITS: usize = 32;

/// The id of one request: 1 to 128 letters, digits and `-_.:/+=@~`, so that it can stand in any log as it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

/// A text that cannot name a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a request id is 1 to 128 letters, digits and -_.:/+=@~")]
pub struct RequestIdError;

impl RequestId {
    /// Returns a new id: 128 random bits in hexadecimal.
    pub fn fresh() -> Self {
        Self::from(u128::from(draw().bits()) << 64 | u128::from(draw().bits()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        // Nothing but ASCII passes the constructors.
        self.0.to_str().unwrap_or_default()
    }

    /// As a header's value.
    pub const fn value(&self) -> &HeaderValue {
        &self.0
    }
}

impl From<u128> for RequestId {
    /// 32 hexadecimal digits.
    fn from(bits: u128) -> Self {
        let mut text = [0; DIGITS];
        hex(&mut text, bits);
        Self(short_value(&text))
    }
}

impl TryFrom<HeaderValue> for RequestId {
    type Error = RequestIdError;

    fn try_from(value: HeaderValue) -> Result<Self, RequestIdError> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(byte);
        let fits = (1..=LONGEST).contains(&value.len()) && value.as_bytes().iter().all(plain);
        if fits { Ok(Self(value)) } else { Err(RequestIdError) }
    }
}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        HeaderValue::from_str(text).map_err(|_| RequestIdError)?.try_into()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

/// Names each request: puts a [`RequestId`] into its extensions, and `x-request-id` into its response.
///
/// The caller's own `x-request-id` is taken if it is one and stands once; else the id is that of the request's trace
/// ([`TraceParent`] in the extensions, else the current one), so that one word finds everything; else it is random.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RequestIdLayer {
    own: bool,
}

impl RequestIdLayer {
    /// Takes the caller's word.
    pub const fn new() -> Self {
        Self { own: false }
    }

    /// Gives every request an id of our own, whatever its caller says.
    #[must_use]
    pub const fn own_only(self) -> Self {
        Self { own: true }
    }

    /// Returns the name of a request with these headers that belongs to this trace.
    pub(crate) fn name(self, headers: &HeaderMap, trace: Option<TraceParent>) -> RequestId {
        // One look at each name: most requests have none yet.
        if !self.own && headers.keys().any(|name| *name == X_REQUEST_ID) {
            let mut values = headers.get_all(X_REQUEST_ID).iter();
            if let (Some(value), None) = (values.next(), values.next())
                && let Ok(id) = RequestId::try_from(value.clone())
            {
                return id;
            }
        }
        trace.map_or_else(RequestId::fresh, |trace| trace.trace.into())
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestIdService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestIdService { inner, layer: *self }
    }
}

/// A service whose requests have names. See [`RequestIdLayer`].
#[derive(Clone, Debug)]
pub struct RequestIdService<S> {
    inner: S,
    layer: RequestIdLayer,
}

impl<S, B, R> Service<Request<B>> for RequestIdService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Named<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let trace = request.extensions().get().copied().or_else(TraceParent::current);
        let id = self.layer.name(request.headers(), trace);
        let value = id.0.clone();
        request.extensions_mut().insert(id);
        Named { inner: self.inner.call(request), id: Some(value) }
    }
}

pin_project! {
    /// A response that will tell the id. Cancel safe: it holds nothing else.
    #[derive(Debug)]
    pub struct Named<F> {
        #[pin]
        inner: F,
        id: Option<HeaderValue>,
    }
}

impl<F, R, E> Future for Named<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut result = ready!(this.inner.poll(cx));
        if let (Ok(response), Some(id)) = (&mut result, this.id.take()) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        Poll::Ready(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tower::{ServiceExt, service_fn};

    async fn named(layer: RequestIdLayer, request: Request<()>) -> (String, String) {
        let within = service_fn(|request: Request<()>| async move {
            Ok::<_, Infallible>(Response::new(request.extensions().get::<RequestId>().unwrap().to_string()))
        });
        let response = layer.layer(within).oneshot(request).await.unwrap();
        let told = response.headers()[X_REQUEST_ID].to_str().unwrap().to_owned();
        (response.into_body(), told)
    }

    fn asked(ids: &[&'static str]) -> Request<()> {
        let mut request = Request::new(());
        for id in ids {
            request.headers_mut().append(X_REQUEST_ID, HeaderValue::from_static(id));
        }
        request
    }

    #[tokio::test]
    async fn a_callers_id_is_kept_and_told() {
        let (within, told) = named(RequestIdLayer::new(), asked(&["a-1:b/2"])).await;
        assert_eq!((within.as_str(), told.as_str()), ("a-1:b/2", "a-1:b/2"));
    }

    #[tokio::test]
    async fn nothing_gets_into_the_log_by_an_id() {
        for bad in [&["a b"][..], &["a\"b"], &[""], &["x".repeat(129).leak()], &["one", "two"]] {
            let (within, told) = named(RequestIdLayer::new(), asked(bad)).await;
            assert_eq!((within.len(), &within), (32, &told), "{bad:?}");
        }
        let (own, _) = named(RequestIdLayer::new().own_only(), asked(&["theirs"])).await;
        assert_ne!(own, "theirs");
    }

    #[tokio::test]
    async fn without_one_the_trace_names_the_request() {
        let mut request = asked(&[]);
        request.extensions_mut().insert(TraceParent { trace: 0xabc, parent: 1, flags: 0 });
        let (id, _) = named(RequestIdLayer::new(), request).await;
        assert_eq!(id, format!("{:032x}", 0xabc));
    }
}
