//! A client that has no opinion: one connection for each request, and whatever bytes the test wants to send.

use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than any response takes, and no more than a test that hangs may cost.
pub const LONG: Duration = Duration::from_secs(60);

/// A response, read to its end.
#[derive(Clone, Debug)]
pub struct FullResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl FullResponse {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The kind of problem that it is: what follows `urn:plimsoll:problem:`.
    #[track_caller]
    pub fn kind(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        self.json()["type"].as_str().unwrap().strip_prefix("urn:plimsoll:problem:").unwrap().to_owned()
    }

    /// The service's own name for the case.
    #[track_caller]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }

    /// Status line aside, everything that the caller can see.
    pub fn everything(&self) -> String {
        format!("{:?} {}", self.headers, self.text())
    }
}

/// A request with these headers and this body, and its response; `Err` if the connection ends before the response does.
pub async fn send(
    to: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<FullResponse, hyper::Error> {
    timeout(LONG, async {
        let stream = TcpStream::connect(to).await.expect("the service listens");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driving = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", to.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(body.into())).unwrap()).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        driving.abort();
        Ok(FullResponse { status: head.status, headers: head.headers, body })
    })
    .await
    .expect("a response, or the end of the connection")
}

pub async fn get(to: SocketAddr, path: &str) -> FullResponse {
    send(to, Method::GET, path, &[], "").await.unwrap()
}

pub async fn post(to: SocketAddr, path: &str, key: &str, body: &Value) -> FullResponse {
    let key = format!("\"{key}\"");
    let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
    send(to, Method::POST, path, &headers, body.to_string()).await.unwrap()
}

/// Sends these bytes and returns the response bytes, until the other side ends the connection.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.expect("the service listens");
    let mut response = Vec::new();
    timeout(LONG, async {
        stream.write_all(bytes).await.ok();
        stream.read_to_end(&mut response).await.ok();
    })
    .await
    .expect("the connection ends");
    String::from_utf8_lossy(&response).into_owned()
}
