//! The access log.

mod running;

use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use running::{Origin, Running, Scratch, ask, eventually};
use serde_json::Value;
use std::{fs, path::Path, sync::atomic::Ordering};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

async fn started(test: &str, sample: &str) -> (Running, Origin, Scratch) {
    let (origin, scratch) = (Origin::http1().await, Scratch::new(&format!("{test}-log")));
    let text = format!(
        r#"ADMIN
LISTENER
[access-log]
path = "{}"
sample = "{sample}"
[[route]]
path = "/api/"
upstream = "orders"
[upstream.orders]
endpoints = ["{}"]
"#,
        scratch.path("access.log").display(),
        origin.address
    );
    (Running::start(test, &text).await, origin, scratch)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

async fn written(scratch: &Scratch, count: usize) -> Vec<Value> {
    let path = scratch.path("access.log");
    eventually("lines", async || lines(&path).len() >= count).await;
    lines(&path)
}

#[tokio::test]
async fn a_line_says_what_happened_and_no_secret() {
    let (running, origin, scratch) = started("line", "100%").await;
    let headers = [("authorization", "Bearer hunter2"), ("host", "shop.example"), ("cookie", "a=hunter2")];
    ask(running.address(), Method::GET, "/api/x?token=hunter2", &headers, "").await.unwrap();
    running.get("/nowhere").await;
    let lines = written(&scratch, 2).await;
    // Two workers may have written them, in either order.
    let of = |path: &str| lines.iter().find(|line| line["path"] == path).unwrap();
    let line = of("/api/x");
    for (key, value) in [
        ("method", "GET"),
        ("path", "/api/x"),
        ("host", "shop.example"),
        ("protocol", "HTTP/1.1"),
        ("route", "/api/"),
        ("upstream", "orders"),
        ("endpoint", &origin.address.to_string()),
        ("client", "127.0.0.1"),
    ] {
        assert_eq!(line[key], value, "{key} of {line:#}");
    }
    assert_eq!(
        (&line["status"], &line["attempts"], &line["bytes"]),
        (&200.into(), &1.into(), &6.into()),
        "{line:#}"
    );
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    assert!(!format!("{lines:?}").contains("hunter2"));
    let refused = of("/nowhere");
    assert_eq!((&refused["status"], &refused["problem"]), (&404.into(), &"no-route".into()));
    assert_eq!((&refused["why"], line.get("why")), (&"no-route".into(), None));
    assert_eq!(refused["trace_id"].as_str().unwrap().len(), 32, "{refused:#}");
    assert_eq!(refused.get("route"), None);
}

#[tokio::test]
async fn http2_and_malformed_requests_are_logged_too() {
    let (running, _origin, scratch) = started("h2", "100%").await;
    let io = TokioIo::new(TcpStream::connect(running.address()).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://shop.example/api/h2?x=1").body(Empty::<bytes::Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.collect().await.unwrap().to_bytes(), "/api/h2");
    let line = written(&scratch, 1).await.remove(0);
    assert_eq!((&line["protocol"], &line["bytes"]), (&"HTTP/2.0".into(), &7.into()), "{line:#}");
    assert_eq!(line.get("broken"), None);
    let bytes = "plimsoll_response_body_bytes_total{route=\"/api/\",upstream=\"orders\"}";
    eventually("bytes are counted", async || running.metric(bytes).await == Some(7.0)).await;

    let mut socket = TcpStream::connect(running.address()).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await.unwrap();
    let line = written(&scratch, 2).await.remove(1);
    assert_eq!((&line["status"], &line["problem"]), (&400.into(), &"bad-request".into()), "{line:#}");
    assert_eq!(line["why"], "host-repeated");
}

#[tokio::test]
async fn a_client_that_left_is_logged_as_such() {
    let (running, origin, scratch) = started("gone", "100%").await;
    // What the origin holds has no `/api/` before it.
    let text = fs::read_to_string(running.file()).unwrap().replace("path = \"/api/\"", "path = \"/\"");
    fs::write(running.file(), text).unwrap();
    assert_eq!(running.reload().await.status, 200);
    let mut socket = TcpStream::connect(running.address()).await.unwrap();
    socket.write_all(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    eventually("the origin has it", async || origin.seen.held.load(Ordering::SeqCst) == 1).await;
    drop(socket);
    let line = written(&scratch, 1).await.remove(0);
    assert_eq!((&line["status"], &line["attempts"]), (&499.into(), &1.into()), "{line:#}");
    assert_eq!(line["why"], "client-gone");
    assert_eq!(line["endpoint"], origin.address.to_string());
    let in_flight = "plimsoll_requests_in_flight{route=\"/\",upstream=\"orders\"}";
    eventually("nothing is in flight", async || running.metric(in_flight).await == Some(0.0)).await;
    eventually("the attempt is cancelled", async || origin.seen.held.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_rotated_log_is_opened_anew() {
    let (running, _origin, scratch) = started("rotate", "100%").await;
    running.get("/api/1").await;
    written(&scratch, 1).await;
    fs::rename(scratch.path("access.log"), scratch.path("access.log.1")).unwrap();
    running.control.gateway().reopen_logs();
    eventually("the new file", async || scratch.path("access.log").exists()).await;
    running.get("/api/2").await;
    assert_eq!(written(&scratch, 1).await[0]["path"], "/api/2");
    assert_eq!(lines(&scratch.path("access.log.1")).len(), 1);
}

#[tokio::test]
async fn a_sample_is_a_part_and_a_reload_changes_it() {
    let (running, _origin, scratch) = started("sample", "0.0001%").await;
    for _ in 0..50 {
        running.get("/api/x").await;
    }
    let text = fs::read_to_string(running.file()).unwrap().replace("0.0001%", "100%");
    fs::write(running.file(), text).unwrap();
    assert_eq!(running.reload().await.status, 200);
    running.get("/api/last").await;
    let lines = written(&scratch, 1).await;
    assert!(lines.len() <= 3, "{}", lines.len());
    assert_eq!(lines.last().unwrap()["path"], "/api/last");
}

/// One request to an upstream that behaves so, and its line.
async fn line_of(test: &str, endpoint: &str, policy: &str, path: &str) -> Value {
    let scratch = Scratch::new(&format!("{test}-log"));
    let text = format!(
        "ADMIN\nLISTENER\n[access-log]\npath = \"{}\"\n[[route]]\nupstream = \"orders\"\npolicy = \"p\"\n\
         [upstream.orders]\nendpoints = [\"{endpoint}\"]\n[policy.p]\nretry = \"off\"\n{policy}\n",
        scratch.path("access.log").display(),
    );
    let running = Running::start(test, &text).await;
    running.get(path).await;
    written(&scratch, 1).await.remove(0)
}

/// An endpoint that responds on each connection with these bytes once it has read something, and closes it.
async fn saying(bytes: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

#[tokio::test]
async fn a_line_says_in_one_word_why() {
    let mut gone = Origin::http1().await;
    gone.kill();
    let refused = gone.address;
    eventually("nothing listens", async || TcpStream::connect(refused).await.is_err()).await;
    let held = Origin::http1().await;
    let (silent, garbage) = (saying(b"").await, saying(b"SSH-2.0-OpenSSH\r\n\r\n").await);
    for (why, endpoint, policy, path, status) in [
        ("upstream-refused", refused.to_string(), "", "/", 502),
        ("upstream-unresolved", "nowhere.invalid:80".to_owned(), "", "/", 502),
        ("upstream-closed", silent.to_string(), "", "/", 502),
        ("upstream-malformed", garbage.to_string(), "", "/", 502),
        ("deadline", held.address.to_string(), "timeout = { total = \"50ms\" }", "/hold", 504),
        ("first-byte-timeout", held.address.to_string(), "timeout = { first-byte = \"50ms\" }", "/hold", 504),
        (
            "rate-exceeded",
            held.address.to_string(),
            "rate-limit = { rate = \"1/h\", burst = 1, per = \"route\" }",
            "/x",
            200,
        ),
    ] {
        let line = line_of(why, &endpoint, policy, path).await;
        if why == "rate-exceeded" {
            // The first one was within the rate.
            assert_eq!(line.get("why"), None, "{line:#}");
            continue;
        }
        assert_eq!((&line["why"], &line["status"]), (&why.into(), &status.into()), "{line:#}");
    }
}

/// An upstream of this one endpoint behind a gateway with an access log.
async fn before(test: &str, endpoint: std::net::SocketAddr) -> (Running, Scratch) {
    let scratch = Scratch::new(&format!("{test}-log"));
    let text = format!(
        "ADMIN\nLISTENER\n[access-log]\npath = \"{}\"\n[[route]]\nupstream = \"orders\"\n\
         [upstream.orders]\nendpoints = [\"{endpoint}\"]\n",
        scratch.path("access.log").display(),
    );
    (Running::start(test, &text).await, scratch)
}

/// The line says that the response broke off, with the status that the client got, and so do the endpoint's numbers.
async fn broke_off(running: &Running, scratch: &Scratch, endpoint: std::net::SocketAddr, status: u16) {
    let line = written(scratch, 1).await.remove(0);
    assert_eq!((&line["why"], &line["status"]), (&"upstream-broke".into(), &status.into()), "{line:#}");
    let series = format!("{{upstream=\"orders\",endpoint=\"{endpoint}\"");
    let attempts = format!("plimsoll_endpoint_attempts_total{series},outcome=\"success\"}}");
    assert_eq!(running.metric(&attempts).await, Some(1.0), "as far as its head");
    let broken = format!("plimsoll_endpoint_bodies_failed_total{series}}}");
    assert_eq!(running.metric(&broken).await, Some(1.0));
}

#[tokio::test]
async fn a_response_that_broke_before_any_of_it_was_passed_on_is_a_502_and_says_so() {
    // One write has the head and what is wrong after it. An end of the connection might come later than the head.
    let endpoint =
        saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nno size\r\n").await;
    let (running, scratch) = before("broke-first", endpoint).await;
    assert_eq!(running.get("/").await.status, 502);
    broke_off(&running, &scratch, endpoint, 502).await;
}

#[tokio::test]
async fn a_response_that_broke_under_way_has_its_status_and_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap();
    let (running, scratch) = before("broke-later", endpoint).await;
    let mut client = TcpStream::connect(running.address()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let (mut origin, _) = listener.accept().await.unwrap();
    origin.read_u8().await.unwrap();
    origin.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\nhalf") {
        got.push(client.read_u8().await.unwrap());
    }
    drop(origin);
    broke_off(&running, &scratch, endpoint, 200).await;
}

#[tokio::test]
async fn a_request_that_the_drain_cut_off_says_so() {
    for h2 in [false, true] {
        let (running, origin, scratch) = started(if h2 { "drained-h2" } else { "drained" }, "100%").await;
        let text = fs::read_to_string(running.file()).unwrap().replace("path = \"/api/\"", "path = \"/\"");
        fs::write(running.file(), text).unwrap();
        assert_eq!(running.reload().await.status, 200);
        let address = running.address();
        let asking = tokio::spawn(async move {
            if !h2 {
                return ask(address, Method::GET, "/hold", &[], "").await.is_ok();
            }
            let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            let request = Request::get("http://a/hold").body(Empty::<bytes::Bytes>::new()).unwrap();
            sender.send_request(request).await.is_ok()
        });
        eventually("the origin has it", async || origin.seen.held.load(Ordering::SeqCst) == 1).await;
        assert_eq!(running.control.drain(std::time::Duration::from_millis(20)).await, 1);
        assert!(!asking.await.unwrap());
        let line = written(&scratch, 1).await.remove(0);
        assert_eq!((&line["why"], &line["status"]), (&"drained".into(), &503.into()), "{line:#}");
    }
}

#[tokio::test]
async fn a_response_that_the_drain_cut_off_has_its_status_and_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let begun = format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(50_000));
            let _ = stream.write_all(begun.as_bytes()).await;
            held.push(stream);
        }
    });
    let scratch = Scratch::new("cut-log");
    let text = format!(
        "ADMIN\nLISTENER\n[access-log]\npath = \"{}\"\n[[route]]\nupstream = \"orders\"\n\
         [upstream.orders]\nendpoints = [\"{endpoint}\"]\n",
        scratch.path("access.log").display(),
    );
    let running = Running::start("cut", &text).await;
    let mut client = TcpStream::connect(running.address()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 16];
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(running.control.drain(std::time::Duration::from_millis(20)).await, 1);
    let line = written(&scratch, 1).await.remove(0);
    assert_eq!((&line["status"], &line["broken"]), (&200.into(), &true.into()), "{line:#}");
    assert_eq!(line["why"], "drained", "{line:#}");
}

/// A request that the gateway refuses before it is sent on has an id, which its line has as well: that of the client's trace
/// where there is one.
#[tokio::test]
async fn a_request_without_a_route_or_a_meaning_has_an_id_in_problem_and_log() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let (running, _origin, scratch) = started("early-id", "100%").await;
    let traced = format!("00-{TRACE}-b7ad6b7169203331-01");
    let mut asked = 0;
    let mut ids = Vec::new();
    for (path, headers, status) in [
        ("/nowhere", vec![], 404),
        ("/nowhere", vec![("traceparent", traced.as_str())], 404),
        ("/a%2fb", vec![], 400),
        ("/a%2fb", vec![("traceparent", traced.as_str())], 400),
    ] {
        let response = ask(running.address(), Method::GET, path, &headers, "").await.unwrap();
        assert_eq!(response.status, status);
        asked += 1;
        let id = response.json()["id"].as_str().unwrap().to_owned();
        let lines = written(&scratch, asked).await;
        assert!(lines.iter().any(|line| line["trace_id"] == id.as_str()), "{id}: {lines:#?}");
        assert_eq!(id == TRACE, !headers.is_empty());
        ids.push(id);
    }
    // One that cannot even be read.
    let mut socket = TcpStream::connect(running.address()).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await.unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).await.unwrap();
    let problem: Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    let id = problem["id"].as_str().unwrap();
    let lines = written(&scratch, asked + 1).await;
    assert!(lines.iter().any(|line| line["trace_id"] == id), "{id}: {lines:#?}");
    assert!(!ids.iter().any(|other| other == id));
}

/// A tunnel through the gateway: the client's end and the endpoint's.
async fn tunnel(test: &str, top: &str) -> (Running, Scratch, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scratch = Scratch::new(&format!("{test}-log"));
    let text = format!(
        "ADMIN\n{top}\nLISTENER\n[access-log]\npath = \"{}\"\n[[route]]\nupstream = \"orders\"\n\
         [upstream.orders]\nendpoints = [\"{}\"]\n",
        scratch.path("access.log").display(),
        listener.local_addr().unwrap(),
    );
    let running = Running::start(test, &text).await;
    let mut client = TcpStream::connect(running.address()).await.unwrap();
    let asked = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    client.write_all(asked.as_bytes()).await.unwrap();
    let (mut endpoint, _) = listener.accept().await.unwrap();
    until(&mut endpoint, b"\r\n\r\n").await;
    let agreed = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    endpoint.write_all(agreed.as_bytes()).await.unwrap();
    until(&mut client, b"\r\n\r\n").await;
    client.write_all(b"question").await.unwrap();
    until(&mut endpoint, b"question").await;
    endpoint.write_all(b"a long answer").await.unwrap();
    until(&mut client, b"a long answer").await;
    (running, scratch, client, endpoint)
}

async fn until(stream: &mut TcpStream, end: &[u8]) {
    let mut got = Vec::new();
    while !got.ends_with(end) {
        got.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn a_tunnels_line_is_written_at_its_end_with_its_bytes_and_its_time() {
    let (running, scratch, client, endpoint) = tunnel("tunnel", "").await;
    // Another request's line is written meanwhile, and the tunnel's is not.
    running.get("/a%2fb").await;
    let lines = written(&scratch, 1).await;
    assert_eq!((lines.len(), &lines[0]["status"]), (1, &400.into()), "{lines:#?}");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    drop((client, endpoint));
    let line = written(&scratch, 2).await.remove(1);
    for (key, value) in [("status", 101), ("bytes", 13), ("bytes_to_endpoint", 8), ("attempts", 1)] {
        assert_eq!(line[key], value, "{key} of {line:#}");
    }
    assert!(line["duration_ms"].as_f64().unwrap() >= 50.0, "{line:#}");
    assert_eq!((line.get("broken"), line.get("why")), (None, None), "{line:#}");
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_tunnels_line_says_why_it_was_ended() {
    let (_running, scratch, _client, _endpoint) =
        tunnel("tunnel-idle", "[tunnels]\nidle-time = \"50ms\"").await;
    let line = written(&scratch, 1).await.remove(0);
    assert_eq!((&line["why"], &line["broken"]), (&"tunnel-idle".into(), &true.into()), "{line:#}");
    assert_eq!((&line["status"], &line["bytes"]), (&101.into(), &13.into()), "{line:#}");

    let (running, scratch, _client, _endpoint) = tunnel("tunnel-cut", "").await;
    assert_eq!(running.control.drain(std::time::Duration::from_millis(20)).await, 1);
    let line = written(&scratch, 1).await.remove(0);
    assert_eq!((&line["why"], &line["status"]), (&"drained".into(), &101.into()), "{line:#}");
    assert_eq!((&line["bytes"], &line["bytes_to_endpoint"]), (&13.into(), &8.into()), "{line:#}");
}
