use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use plimsoll_http::{
    Problem,
    idempotency::{IDEMPOTENCY_KEY, IdempotencyLayer, MemoryStore, Store},
};
use plimsoll_testkit::Written;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tower::{Layer, Service, ServiceExt};

pub(crate) type Sent = Request<Full<Bytes>>;

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct FullResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl FullResponse {
    pub(crate) async fn of<B>(response: Response<B>) -> Self
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.into()).unwrap();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
    }

    /// Status and kind of a problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        let kind = problem["type"].as_str().unwrap().strip_prefix("urn:plimsoll:problem:").unwrap();
        (self.status, kind.to_owned())
    }

    pub(crate) fn seen(&self) -> (u16, &str, bool) {
        (self.status, &self.body, self.is_replayed())
    }
}

pub(crate) fn post(key: &str, body: &'static str) -> Sent {
    let request = Request::post("/orders").header("content-type", "application/json");
    let request = if key.is_empty() { request } else { request.header(IDEMPOTENCY_KEY, key) };
    request.body(Full::from(body)).unwrap()
}

pub(crate) fn memory() -> IdempotencyLayer<MemoryStore> {
    IdempotencyLayer::new(MemoryStore::new(1000, 1 << 20))
}

pub(crate) async fn ask<S, St, R>(layer: &IdempotencyLayer<St>, service: &S, request: Sent) -> FullResponse
where
    St: Store,
    S: Service<Sent, Response = Response<R>, Error = Problem> + Clone + Send + 'static,
    S::Future: Send,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: std::error::Error + Send,
{
    let response = layer.layer(service.clone()).oneshot(request).await;
    match response {
        Ok(response) => FullResponse::of(response).await,
        Err(problem) => FullResponse::of(problem.into_http().map(Full::new)).await,
    }
}

/// The log lines during a test.
#[derive(Clone, Default)]
pub(crate) struct Lines(Written);

impl Lines {
    /// On this thread, until the guard goes.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let Self(to) = self.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn take(&self) -> String {
        self.0.take()
    }
}

/// How often it was asked.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn up(&self) -> usize {
        self.0.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// 201, and the number of the call with what was sent.
pub(crate) fn counting(
    count: &Count,
) -> impl Service<Sent, Response = Response<Full<Bytes>>, Error = Problem, Future: Send> + Clone + Send + 'static
{
    let count = count.clone();
    tower::service_fn(move |request: Sent| {
        let count = count.clone();
        async move {
            let sent = request.into_body().collect().await.unwrap().to_bytes();
            let body = format!("{}: {}", count.up(), String::from_utf8_lossy(&sent));
            let response = Response::builder().status(StatusCode::CREATED).header("location", "/orders/1");
            Ok(response.header("x-inner", "not kept").body(Full::from(body)).unwrap())
        }
    })
}
