//! HTTP/2.

use crate::{
    client::{PATIENCE, Raw},
    http2::{h2, read, request},
    stand::Stand,
};
use http::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

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
