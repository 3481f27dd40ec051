//! Routes that break in every way that a program can; the service itself has none of them.

use axum::{Router, body::Body, extract::FromRequestParts, http::request::Parts, routing::get};
use bytes::Bytes;
use futures_util::stream;
use plimsoll::{Problem, task};
use std::convert::Infallible;

/// In every message of every failure here, and nowhere outside.
pub const SECRET: &str = "hunter2-of-the-inside";

/// Each path, and whether it gets a response: one that breaks half-way does not.
pub const PATHS: &[(&str, bool)] = &[
    ("/faulty/handler", true),
    ("/faulty/extractor", true),
    ("/faulty/child", true),
    ("/faulty/drop", true),
    ("/faulty/error", true),
    ("/faulty/stream", false),
    ("/faulty/broken-stream", false),
];

pub fn routes() -> Router {
    Router::new()
        .route("/faulty/handler", get(handler))
        .route("/faulty/extractor", get(async |_: Explosive| ()))
        .route("/faulty/child", get(child))
        .route("/faulty/drop", get(dropping))
        .route("/faulty/error", get(error))
        .route("/faulty/stream", get(async || Body::from_stream(half(|| panic!("in a stream: {SECRET}")))))
        .route(
            "/faulty/broken-stream",
            get(async || Body::from_stream(half(|| Err(std::io::Error::other(SECRET))))),
        )
}

struct Explosive;

impl<S: Sync> FromRequestParts<S> for Explosive {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        panic!("in an extractor: {SECRET}")
    }
}

async fn handler() {
    panic!("in a handler: {SECRET}")
}

/// A child of a scope panics; its sibling is cancelled, and the request hears of it.
async fn child() -> Result<(), Problem> {
    task::scope::scope(async |scope: task::scope::Scope<Problem>| {
        scope.spawn(async { std::future::pending::<Result<(), Problem>>().await });
        let broken = scope.spawn(async {
            let broken = true;
            assert!(!broken, "in a child: {SECRET}");
            Ok(())
        });
        broken.await.map_err(Problem::internal)
    })
    .await
    .map_err(Problem::internal)
}

struct Landmine;

impl Drop for Landmine {
    fn drop(&mut self) {
        panic!("in a drop: {SECRET}")
    }
}

async fn dropping() -> &'static str {
    let _mine = Landmine;
    tokio::task::yield_now().await;
    "nobody reads this"
}

async fn error() -> Result<(), Problem> {
    Err(Problem::internal(anyhow::anyhow!(SECRET).context("and around it").context(SECRET)))
}

fn half(end: fn() -> std::io::Result<Bytes>) -> impl stream::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(0, move |sent| async move {
        tokio::task::yield_now().await;
        match sent {
            0..3 => Some((Ok(Bytes::from_static(b"a part of it\n")), sent + 1)),
            _ => Some((end(), sent + 1)),
        }
    })
}
