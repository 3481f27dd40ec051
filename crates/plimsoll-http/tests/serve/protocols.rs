//! HTTP/2, and what comes after HTTP.

use crate::{
    client::{PATIENCE, Raw},
    stand::Stand,
};
use axum::{Router, body::Body, routing::get};
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use plimsoll_http::serve::{Limits, ServeError, TimeLimit, serve};
use plimsoll_task::drain::Drain;
use plimsoll_telemetry::{Format, Registry};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

type Sender = h2::client::SendRequest<bytes::Bytes>;

async fn h2(address: SocketAddr) -> (Sender, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn request(path: &str) -> Request<()> {
    Request::get(format!("http://localhost{path}")).body(()).unwrap()
}

async fn read(mut body: h2::RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        all.extend_from_slice(&data.unwrap());
    }
    all
}

#[tokio::test]
async fn http_2_is_spoken_on_the_same_address() {
    let stand = Stand::new().await;
    let (sender, connection) = h2(stand.address).await;
    let mut sender = sender.ready().await.unwrap();
    let (one, _) = sender.send_request(request("/held"), true).unwrap();
    let (two, _) = sender.send_request(request("/nothing"), true).unwrap();
    let two = two.await.unwrap();
    assert_eq!(
        (two.status(), &two.headers()["content-type"]),
        (StatusCode::NOT_FOUND, &"application/problem+json".parse().unwrap())
    );
    // It drains like any other: the stream under way is answered, and then the connection ends.
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    stand.drain.request();
    stand.gate.add_permits(1);
    assert_eq!(read(one.await.unwrap().into_body()).await, b"released");
    stand.ended().await.unwrap();
    let _closed = timeout(PATIENCE, connection).await.unwrap();
}

/// A client of HTTP/2 whose preface is broken would take a response of HTTP/1.1 for frames.
#[tokio::test]
async fn what_has_no_target_is_closed_without_a_response() {
    let stand = Stand::new().await;
    for (sent, answered) in [("INVALID CONNECTION PREFACE\r\n\r\n", false), ("GET / HTTP/1\r\n\r\n", true)] {
        let mut stream = TcpStream::connect(stand.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        // A reset ends it as well.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut got)).await.unwrap();
        assert_eq!(!got.is_empty(), answered, "{sent:?}: {:?}", String::from_utf8_lossy(&got));
    }
}

#[tokio::test]
async fn a_client_of_http_2_that_goes_away_frees_its_places() {
    let stand = Stand::new().await;
    let (sender, connection) = h2(stand.address).await;
    let mut sender = sender.ready().await.unwrap();
    let (held, _) = sender.send_request(request("/held"), true).unwrap();
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    // One stream is reset, another one's connection is gone.
    drop(held);
    stand.until("plimsoll_server_requests_total{route=\"/held\",code=\"gone\"}", 1.0).await;
    let (_held, _) = sender.send_request(request("/held"), true).unwrap();
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    connection.abort();
    stand.until("plimsoll_server_requests_total{route=\"/held\",code=\"gone\"}", 2.0).await;
}

/// CVE-2023-44487: streams that are opened and reset at once cost the client nothing and the server much.
#[tokio::test]
async fn cve_2023_44487_a_flood_of_resets_ends_its_connection() {
    let stand = Stand::new().await;
    let mut raw = Raw::to(stand.address).await;
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec();
    for at in 0..1000u32 {
        let stream = (2 * at + 1).to_be_bytes();
        // GET http localhost /held, as HPACK has it without a table of its own.
        let head = b"\x82\x86\x44\x05/held\x41\x09localhost";
        flood.extend([0, 0, head.len() as u8, 1, 5]);
        flood.extend(stream);
        flood.extend(head);
        flood.extend([0, 0, 4, 3, 0]);
        flood.extend(stream);
        flood.extend(8u32.to_be_bytes());
    }
    raw.try_send(&flood).await;
    let told = raw.rest().await;
    assert!(contains_goaway(&told), "{told:?}");
    stand.until("plimsoll_server_connections{door=\"app\"}", 0.0).await;
    stand.until("plimsoll_server_requests_in_flight", 0.0).await;
}

fn contains_goaway(told: &[u8]) -> bool {
    let mut at = 0;
    while at + 9 <= told.len() {
        if told[at + 3] == 7 {
            return true;
        }
        at += 9 + usize::from(told[at]) * 65536 + usize::from(told[at + 1]) * 256 + usize::from(told[at + 2]);
    }
    false
}

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

/// A client that opens all windows and one that opens none: neither keeps its places.
#[tokio::test]
async fn an_answer_that_is_not_taken_keeps_its_place_until_the_limit() {
    let stall = Some(Duration::from_millis(300).try_into().unwrap());
    let stand =
        Stand::with(|server| server.limits(Limits { shedding: None, stall, ..Limits::default() })).await;
    let (sender, connection) = h2(stand.address).await;
    let mut sender = sender.ready().await.unwrap();
    let (unread, _) = sender.send_request(request("/flood"), true).unwrap();
    let unread = unread.await.unwrap();
    assert!((stand.metric("plimsoll_server_requests_in_flight") - 1.0).abs() < 0.1);
    // A stream that waits for the app is another's business: only the one that is not taken is reset.
    let (held, _) = sender.send_request(request("/held"), true).unwrap();
    stand.until("plimsoll_server_requests_in_flight", 2.0).await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    // What was not read of it has filled the client's own window.
    drop(unread);
    stand.gate.add_permits(1);
    assert_eq!(read(held.await.unwrap().into_body()).await, b"released");
    // Alone, it ends the connection.
    let (unread, _) = sender.send_request(request("/flood"), true).unwrap();
    let _unread = unread.await.unwrap();
    let _cut = timeout(PATIENCE, connection).await.expect("the connection ends").unwrap();
    stand.until("plimsoll_server_requests_in_flight", 0.0).await;
}

/// A small answer has left its handler, and counts until its client has taken it.
#[tokio::test]
async fn a_small_answer_is_in_flight_until_it_is_taken() {
    let stand = Stand::new().await;
    let stream = TcpStream::connect(stand.address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(2);
    let (sender, connection) = builder.handshake::<_, bytes::Bytes>(stream).await.unwrap();
    let _connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let (answer, _) = sender.send_request(request("/"), true).unwrap();
    let mut answer = answer.await.unwrap();
    assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "he");
    assert!((stand.metric("plimsoll_server_requests_in_flight") - 1.0).abs() < 0.1);
    let mut rest = Vec::new();
    answer.body_mut().flow_control().release_capacity(2).unwrap();
    while let Some(data) = answer.body_mut().data().await {
        let data = data.unwrap();
        answer.body_mut().flow_control().release_capacity(data.len()).unwrap();
        rest.extend_from_slice(&data);
    }
    assert_eq!(rest, b"llo");
    stand.until("plimsoll_server_requests_in_flight", 0.0).await;
}

/// Uploads that the app does not read leave the connection's window to the others.
#[tokio::test]
async fn uploads_that_nobody_reads_leave_the_connection_open() {
    let stand = Stand::new().await;
    let (sender, _connection) = h2(stand.address).await;
    let mut sender = sender.ready().await.unwrap();
    let filling = bytes::Bytes::from(vec![b'x'; 1 << 16]);
    let post = |path: &str| Request::post(format!("http://localhost{path}")).body(()).unwrap();
    let mut stuck = Vec::new();
    for _ in 0..16 {
        // Its handler answers when it is told to, and never reads.
        let (answer, mut body) = sender.send_request(request("/held"), false).unwrap();
        for _ in 0..32 {
            body.send_data(filling.clone(), false).unwrap();
        }
        stuck.push((answer, body));
    }
    stand.until("plimsoll_server_requests_in_flight", 16.0).await;
    for _ in 0..10 {
        let (answer, mut body) = sender.send_request(post("/echo"), false).unwrap();
        body.send_data(filling.clone(), true).unwrap();
        let mut answer = timeout(PATIENCE, answer).await.expect("not held up").unwrap();
        let mut length = 0;
        while let Some(data) = answer.body_mut().data().await {
            let data = data.unwrap();
            answer.body_mut().flow_control().release_capacity(data.len()).unwrap();
            length += data.len();
        }
        assert_eq!(length, filling.len());
    }
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
