//! A server that remembers what it was asked.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    response::Response,
};
use bytes::Bytes;
use http::request::Parts;
use std::sync::{Arc, Mutex};
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) type Asked = (Parts, Bytes);

/// A server that records every request and responds as instructed. Dropping it stops it.
pub(crate) struct Server {
    pub(crate) origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start<F>(response: impl Fn(usize) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let seen = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| {
            let (seen, response) = (Arc::clone(&seen), response.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push((parts, body));
                    seen.len() - 1
                };
                response(number).await
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let _stopped = axum::serve(listener, app).await;
        });
        Self { origin, asked, serving }
    }

    /// 200 to everything.
    pub(crate) async fn content() -> Self {
        Self::start(|_| async { Response::new(Body::from("ok")) }).await
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn header(&self, at: usize, name: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        asked[at].0.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    pub(crate) fn asked(&self, at: usize) -> Asked {
        self.asked.lock().unwrap()[at].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
