use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use plimsoll_http::{Problem, boundary::BoundaryLayer};
use plimsoll_testkit::Written;
use std::convert::Infallible;
use tower::{Layer, Service, ServiceExt};

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct FullResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl FullResponse {
    pub(crate) async fn of<B>(response: Response<B>) -> Self
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn problem(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status.as_u16());
        problem
    }

    /// The kind, as `type` says it.
    pub(crate) fn kind(&self) -> String {
        let of = self.problem()["type"].as_str().unwrap().to_owned();
        of.strip_prefix("urn:plimsoll:problem:").unwrap().to_owned()
    }

    pub(crate) fn assert_without(&self, secret: &str) {
        assert!(!String::from_utf8_lossy(&self.body).contains(secret), "{self:?}");
        assert!(!format!("{:?}", self.headers).contains(secret), "{self:?}");
    }
}

/// Returns the response of `service` to `request` from inside `layer`.
pub(crate) async fn ask<S, B, R>(layer: &BoundaryLayer, service: S, request: Request<B>) -> FullResponse
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<Problem>,
    R: Body<Data = Bytes>,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    FullResponse::of(layer.layer(service).oneshot(request).await.unwrap()).await
}

/// A service with this response.
pub(crate) fn responding(
    make: impl Fn() -> Response<Full<Bytes>> + Clone,
) -> impl Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible> + Clone {
    tower::service_fn(move |_: Request<()>| std::future::ready(Ok(make())))
}

/// A service that fails so.
pub(crate) fn failing<E: Into<Problem>>(
    make: impl Fn() -> E + Clone,
) -> impl Service<Request<()>, Response = Response<Full<Bytes>>, Error = E> + Clone {
    tower::service_fn(move |_: Request<()>| std::future::ready(Err(make())))
}

pub(crate) fn get() -> Request<()> {
    Request::new(())
}

/// The log of this thread, from now until it is dropped.
pub(crate) struct Log {
    written: Written,
    _until_dropped: tracing::subscriber::DefaultGuard,
}

impl Log {
    pub(crate) fn capture() -> Self {
        let written = Written::default();
        let to = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || to.clone())
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .finish();
        Self { written, _until_dropped: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn text(&self) -> String {
        self.written.text()
    }
}
