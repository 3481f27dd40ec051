//! Responses count as in flight until their clients have taken them.

use crate::{
    client::{PATIENCE, Raw, get},
    http2::{h2, read, request},
    stand::Stand,
};
use plimsoll_http::{body::ByteLimit, serve::Limits};
use plimsoll_policy::bulkhead::BulkheadSpec;
use std::{num::NonZeroU32, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// More than the buffers of any socket take.
const LARGE: usize = 32 << 20;

fn one_at_a_time() -> Limits {
    let in_flight = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 0, wait: Duration::ZERO };
    Limits { in_flight: Some(in_flight), shedding: None, ..Limits::default() }
}

fn one_of_each_client() -> Limits {
    Limits { client_in_flight: NonZeroU32::new(1), shedding: None, ..Limits::default() }
}

/// Whether a request in vain waits for a place.
async fn is_full(stand: &Stand) -> bool {
    get(stand.address, "/").await.status == 503
}

#[tokio::test]
async fn a_response_over_http_1_holds_its_place_until_the_client_has_taken_it() {
    for limits in [one_at_a_time(), one_of_each_client()] {
        let stand = Stand::with(|server| server.limits(limits)).await;
        let mut slow = Raw::to(stand.address).await;
        slow.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        slow.head().await.unwrap();
        // Its handler has long ended, and its body is a single piece.
        for _ in 0..3 {
            assert!(is_full(&stand).await, "nothing of it has been taken");
        }
        assert_eq!(slow.take(LARGE).await.len(), LARGE);
        stand.until("plimsoll_server_requests_in_flight", 0.0).await;
        assert!(!is_full(&stand).await);
        // The connection goes on.
        assert_eq!(slow.get("/").await.unwrap().body, "hello");
    }
}

#[tokio::test]
async fn a_response_over_http_2_holds_its_place_until_the_client_has_taken_it() {
    for limits in [one_at_a_time(), one_of_each_client()] {
        let stand = Stand::with(|server| server.limits(limits)).await;
        let (sender, _connection) = h2(stand.address).await;
        let mut sender = sender.ready().await.unwrap();
        let (slow, _) = sender.send_request(request("/large"), true).unwrap();
        let slow = slow.await.unwrap();
        for _ in 0..3 {
            assert!(is_full(&stand).await, "nothing of it has been taken");
        }
        assert_eq!(read(slow.into_body()).await.len(), LARGE);
        stand.until("plimsoll_server_requests_in_flight", 0.0).await;
        assert!(!is_full(&stand).await);
    }
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let stand = Stand::with(|server| server.limits(one_at_a_time())).await;
    let mut slow = Raw::to(stand.address).await;
    slow.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    slow.head().await.unwrap();
    assert!(is_full(&stand).await);
    drop(slow);
    stand.until("plimsoll_server_requests_in_flight", 0.0).await;
    assert!(!is_full(&stand).await);
}

/// The bytes held for clients that do not read are bounded over all connections, and others go on meanwhile.
#[tokio::test]
async fn responses_that_nobody_takes_are_bounded_in_all() {
    const MOST: usize = 64 * 1024;
    const STUCK: usize = 32;
    const PIECE: usize = 4096;
    let limits = || Limits { unsent: ByteLimit::new(MOST).ok(), shedding: None, ..Limits::default() };
    let stand = Stand::with(|server| server.limits(limits())).await;
    let (sender, connection) = h2(stand.address).await;
    let mut sender = sender.ready().await.unwrap();
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        let (answer, _) = sender.send_request(request("/pieces"), true).unwrap();
        stuck.push(answer.await.unwrap());
    }
    stand.until("plimsoll_server_requests_in_flight", STUCK as f64).await;
    let held = async {
        while stand.metric("plimsoll_server_unsent_bytes") < MOST as f64 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, held).await.unwrap();
    // Others are served, if piece by piece; and time for the stuck to take more, if they could.
    let mut good = Raw::to(stand.address).await;
    good.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    good.head().await.unwrap();
    assert_eq!(good.take(LARGE).await.len(), LARGE);
    let held = stand.metric("plimsoll_server_unsent_bytes");
    assert!(held <= (MOST + STUCK * PIECE) as f64, "{held}");
    connection.abort();
    drop(stuck);
    stand.until("plimsoll_server_unsent_bytes", 0.0).await;
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
