//! Connections and streams that switch protocols.

use crate::{
    client::{PATIENCE, Raw},
    http2::{h2, request},
};
use axum::{Router, body::Body, routing::get};
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use plimsoll_http::serve::{Limits, ServeError, TimeLimit, serve};
use plimsoll_task::drain::Drain;
use plimsoll_telemetry::{Format, Registry};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
    time::timeout,
};

#[tokio::test]
async fn a_connection_can_become_something_else() {
    async fn upgrade(mut request: Request<Body>) -> Response<Body> {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut line = TokioIo::new(upgraded.await.unwrap());
            let mut said = [0; 5];
            line.read_exact(&mut said).await.unwrap();
            line.write_all(&said).await.unwrap();
        });
        let answer =
            Response::builder().status(101).header("upgrade", "echo").header("connection", "upgrade");
        answer.body(Body::empty()).unwrap()
    }
    let server = serve(Router::new().route("/", get(upgrade)))
        .limits(Limits { shedding: None, ..Limits::default() })
        .without_signals();
    let bound = server.on("127.0.0.1:0").bind().await.unwrap();
    let address = bound.addresses()[0];
    let running = tokio::spawn(bound.run());
    let mut raw = Raw::to(address).await;
    raw.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
    assert!(raw.head().await.unwrap().starts_with("HTTP/1.1 101 "));
    raw.send("hello").await;
    assert_eq!(raw.rest().await, b"hello");
    running.abort();
}

struct WebSocket {
    stream: h2::SendStream<bytes::Bytes>,
    body: h2::RecvStream,
    connection: JoinHandle<Result<(), h2::Error>>,
    drain: Drain,
    registry: Registry,
    running: JoinHandle<Result<(), ServeError>>,
}

/// A stream of HTTP/2 that has become a WebSocket, which echoes.
async fn websocket(limits: Limits) -> WebSocket {
    use axum::extract::ws::WebSocketUpgrade;

    let app = Router::new().route(
        "/echo",
        axum::routing::any(|upgrade: WebSocketUpgrade| async {
            upgrade.on_upgrade(|mut socket| async move {
                while let Some(Ok(message)) = socket.recv().await {
                    let _ = socket.send(message).await;
                }
            })
        }),
    );
    let registry = Registry::new();
    let server = serve(app).registry(registry.clone()).on("127.0.0.1:0").without_signals();
    let bound = server.limits(Limits { shedding: None, ..limits }).bind().await.unwrap();
    let (address, drain) = (bound.addresses()[0], bound.drain_handle());
    let running = tokio::spawn(bound.run());
    let (sender, connection) = h2(address).await;
    let mut sender = sender.ready().await.unwrap();
    // The server's settings say that it can, and they come with its first bytes.
    let enabled = async {
        while !sender.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, enabled).await.unwrap();
    let mut connect = request("/echo");
    *connect.method_mut() = http::Method::CONNECT;
    connect.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    connect.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    let (answer, stream) = sender.send_request(connect, false).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut socket = WebSocket { stream, body: answer.into_body(), connection, drain, registry, running };
    socket.echo().await;
    socket
}

impl WebSocket {
    async fn echo(&mut self) {
        // A text of two letters, masked with nothing; it comes back without a mask.
        self.stream.send_data(b"\x81\x82\0\0\0\0hi".as_slice().into(), false).unwrap();
        let mut echoed = Vec::new();
        while echoed.len() < 4 {
            let data = timeout(PATIENCE, self.body.data()).await.unwrap().unwrap().unwrap();
            let _ = self.body.flow_control().release_capacity(data.len());
            echoed.extend_from_slice(&data);
        }
        assert_eq!(echoed, b"\x81\x02hi");
    }

    /// The server ends it.
    async fn ends(&mut self) {
        let end = timeout(PATIENCE, self.body.data()).await.unwrap();
        assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    }
}

#[tokio::test]
async fn a_websocket_runs_over_http_2_for_as_long_as_it_carries_something() {
    let limits = Limits { idle: brief(), ..Limits::default() };
    let mut socket = websocket(limits).await;
    assert!(connections(&socket.registry), "it has its place");
    // Longer than a connection without a request may rest.
    tokio::time::sleep(Duration::from_millis(200)).await;
    socket.echo().await;
    socket.connection.abort();
    socket.running.abort();
}

#[tokio::test]
async fn a_websocket_over_http_2_is_closed_when_it_carries_nothing() {
    let mut socket = websocket(Limits { upgraded_idle: brief(), ..Limits::default() }).await;
    socket.ends().await;
    while connections(&socket.registry) {
        tokio::task::yield_now().await;
    }
    socket.running.abort();
}

#[tokio::test]
async fn a_drain_gives_a_websocket_over_http_2_a_time_of_its_own() {
    let mut socket = websocket(Limits { upgraded_drain: brief(), ..Limits::default() }).await;
    socket.drain.request();
    socket.ends().await;
    timeout(PATIENCE, socket.running).await.unwrap().unwrap().unwrap();
}

/// Echoes over whatever it becomes, until that ends.
fn echoing() -> Router {
    async fn upgrade(mut request: Request<Body>) -> Response<Body> {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let line = TokioIo::new(upgraded.await.unwrap());
            let (mut read, mut write) = tokio::io::split(line);
            // It breaks off with the connection.
            let _ended = tokio::io::copy(&mut read, &mut write).await;
        });
        let answer =
            Response::builder().status(101).header("upgrade", "echo").header("connection", "upgrade");
        answer.body(Body::empty()).unwrap()
    }
    Router::new().route("/", get(upgrade))
}

async fn upgraded(limits: Limits) -> (Raw, Drain, Registry, JoinHandle<Result<(), ServeError>>) {
    let registry = Registry::new();
    let server = serve(echoing()).registry(registry.clone()).without_signals().on("127.0.0.1:0");
    let server = server.limits(Limits { shedding: None, ..limits });
    let bound = server.bind().await.unwrap();
    let (address, drain) = (bound.addresses()[0], bound.drain_handle());
    let running = tokio::spawn(bound.run());
    let mut raw = Raw::to(address).await;
    raw.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
    assert!(raw.head().await.unwrap().starts_with("HTTP/1.1 101 "));
    raw.send("hello").await;
    assert_eq!(raw.take(5).await, b"hello");
    (raw, drain, registry, running)
}

fn connections(registry: &Registry) -> bool {
    registry.render(Format::Prometheus).contains("plimsoll_server_connections{door=\"app\"} 1\n")
}

fn brief() -> Option<TimeLimit> {
    Duration::from_millis(50).try_into().ok()
}

#[tokio::test]
async fn what_a_connection_has_become_is_still_one_and_is_closed_when_it_carries_nothing() {
    let (mut raw, _, registry, running) =
        upgraded(Limits { upgraded_idle: brief(), ..Limits::default() }).await;
    assert!(raw.rest().await.is_empty());
    while connections(&registry) {
        tokio::task::yield_now().await;
    }
    running.abort();
    let (raw, _, registry, running) = upgraded(Limits::default()).await;
    assert!(connections(&registry), "it has its place");
    drop(raw);
    while connections(&registry) {
        tokio::task::yield_now().await;
    }
    running.abort();
}

#[tokio::test]
async fn a_drain_gives_what_connections_have_become_a_time_of_their_own() {
    let (mut raw, drain, _, running) =
        upgraded(Limits { upgraded_drain: brief(), ..Limits::default() }).await;
    drain.request();
    assert!(raw.rest().await.is_empty());
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_is_dropped_cuts_off_what_its_connections_have_become() {
    let (mut raw, _, _, running) = upgraded(Limits::default()).await;
    running.abort();
    assert!(raw.rest().await.is_empty());
}
