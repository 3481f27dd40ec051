//! Bodies that are too large, too deep, of another kind, or no text.

use crate::support::{
    running::{Running, Wanted},
    web::{raw, send},
};
use axum::http::{Method, StatusCode};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const JSON: &str = "application/json";

async fn place(
    to: SocketAddr,
    content_type: &str,
    body: impl Into<bytes::Bytes>,
) -> crate::support::web::FullResponse {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // A refusal is a response, too, and would be replayed.
    let key = format!("\"body-{}\"", NUMBER.fetch_add(1, Relaxed));
    let headers = [("content-type", content_type), ("idempotency-key", key.as_str())];
    send(to, Method::POST, "/v1/orders", &headers, body).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_order_is_refused_with_its_reason() {
    let Some(mut service) = Running::start().await else { return };
    let to = service.to;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let nested = format!(r#"{{"customer":"ann","lines":{deep}}}"#);
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        (JSON, deep.into_bytes(), 400, "bad-request"),
        (JSON, nested.into_bytes(), 400, "bad-request"),
        (JSON, b"{\"customer\":\"a\xff\xfe\",\"lines\":[]}".to_vec(), 400, "bad-request"),
        (JSON, b"{\"customer\":\"\\ud800\",\"lines\":[]}".to_vec(), 400, "bad-request"),
        (JSON, b"{\"customer\":".to_vec(), 400, "bad-request"),
        (JSON, b"".to_vec(), 400, "bad-request"),
        (JSON, b"{\"customer\":\"ann\",\"lines\":[]} and more".to_vec(), 400, "bad-request"),
        (JSON, b"{\"customer\":\"ann\",\"lines\":[]}".to_vec(), 422, "unprocessable"),
        (
            JSON,
            b"{\"customer\":\"Ann!\",\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"unit_cents\":1}]}".to_vec(),
            422,
            "unprocessable",
        ),
        (
            JSON,
            b"{\"customer\":\"ann\",\"lines\":[{\"sku\":\"A\",\"quantity\":-1,\"unit_cents\":1}]}".to_vec(),
            400,
            "bad-request",
        ),
        (
            JSON,
            b"{\"customer\":\"ann\",\"lines\":[{\"sku\":\"A\",\"quantity\":0,\"unit_cents\":1}]}".to_vec(),
            422,
            "unprocessable",
        ),
        (
            JSON,
            b"{\"customer\":\"ann\",\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"unit_cents\":1e99}]}".to_vec(),
            400,
            "bad-request",
        ),
        ("text/plain", b"an order, please".to_vec(), 415, "unsupported-media-type"),
        ("application/x-www-form-urlencoded", b"customer=ann".to_vec(), 415, "unsupported-media-type"),
        ("no media type", b"{}".to_vec(), 415, "unsupported-media-type"),
        ("application/msgpack", b"\xc1\xc1\xc1".to_vec(), 400, "bad-request"),
        // An array that says it has four thousand million elements.
        ("application/msgpack", b"\xdd\xff\xff\xff\xff".to_vec(), 400, "bad-request"),
    ];
    for (content_type, body, status, kind) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let response = place(to, content_type, body).await;
        assert_eq!(
            (response.status.as_u16(), response.kind().as_str()),
            (status, kind),
            "{shown}: {}",
            response.text()
        );
    }
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_not_sent() {
    let Some(mut service) = Running::start().await else { return };
    let response = send(service.to, Method::GET, "/v1/orders", &[("accept", "text/html")], "").await.unwrap();
    assert_eq!((response.status, response.kind().as_str()), (StatusCode::NOT_ACCEPTABLE, "not-acceptable"));
    let response =
        send(service.to, Method::GET, "/v1/orders", &[("accept", "application/msgpack")], "").await.unwrap();
    assert_eq!(response.headers["content-type"], "application/msgpack");
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_that_are_announced_are_refused_unread() {
    let Some(mut service) = Running::start().await else { return };
    let head = "POST /v1/orders HTTP/1.1\r\nhost: orders.test\r\ncontent-type: application/json\r\n\
                idempotency-key: \"large\"\r\nconnection: close\r\ncontent-length: 104857600\r\n\r\n{\"customer\":";
    let response = raw(service.to, head.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
    assert!(response.contains("urn:plimsoll:problem:body-too-large"), "{response}");
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_in_chunks_are_refused_after_a_few() {
    let Some(mut service) = Running::start().await else { return };
    let mut stream = TcpStream::connect(service.to).await.unwrap();
    let head = "POST /v1/orders HTTP/1.1\r\nhost: orders.test\r\ncontent-type: application/json\r\n\
                idempotency-key: \"chunks\"\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = tokio::spawn(async move {
        let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
        let mut sent = 0_u64;
        while sent < 100 << 20 && writing.write_all(&chunk).await.is_ok() {
            sent += 0x10000;
        }
        (sent, writing)
    });
    let mut response = Vec::new();
    let mut part = [0; 1024];
    while !response.ends_with(b"}") {
        match reading.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(read) => response.extend_from_slice(&part[..read]),
        }
    }
    let response = String::from_utf8_lossy(&response);
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
    drop(reading);
    let (sent, _writing) = sending.await.unwrap();
    assert!(sent < 64 << 20, "it read on for {sent} bytes");
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_do_not_come_are_ended() {
    use plimsoll::serve::{Limits, TimeLimit};
    use std::time::Duration;
    let wanted = Wanted {
        limits: |limits| {
            let limit = TimeLimit::try_from(Duration::from_millis(300)).ok();
            Limits { head_time: limit, body_idle: limit, ..limits }
        },
        ..Wanted::default()
    };
    let Some(mut service) = Running::with(wanted).await else { return };
    let response = raw(service.to, b"POST /v1/orders HTTP/1.1\r\nhost: ord").await;
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 408"), "{response}");
    let response = raw(
        service.to,
        b"POST /v1/orders HTTP/1.1\r\nhost: orders.test\r\ncontent-type: application/json\r\n\
          idempotency-key: \"slow\"\r\ncontent-length: 100\r\n\r\n{\"customer\"",
    )
    .await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    assert!(response.contains("urn:plimsoll:problem:request-timeout"), "{response}");
    service.is_well().await;
}
