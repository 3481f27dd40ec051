//! The client goes, at each stage of its request.

use crate::support::{
    payments::Behaviour,
    running::{Running, order, until},
    web,
};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends this, and is gone.
async fn send_and_go(to: SocketAddr, bytes: &str) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

fn placing(key: &str) -> String {
    let body = order(key).to_string();
    format!(
        "POST /v1/orders HTTP/1.1\r\nhost: orders.test\r\ncontent-type: application/json\r\n\
         idempotency-key: \"{key}\"\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_before_anything_was_asked() {
    let Some(mut service) = Running::start().await else { return };
    let whole = placing("too-short");
    for length in [0, 1, 10, 60, whole.len() - 20, whole.len() - 1] {
        send_and_go(service.to, &whole[..length]).await;
    }
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_while_the_order_is_placed() {
    let Some(mut service) = Running::start().await else { return };
    let lock = service.lock("outbox").await;
    let mut stream = TcpStream::connect(service.to).await.unwrap();
    stream.write_all(placing("not-waited-for").as_bytes()).await.unwrap();
    service.waiting(1).await;
    drop(stream);
    drop(lock);
    // Placed or not, nobody knows; whoever asks again with the key gets one order.
    service.insist("not-waited-for").await;
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_before_the_response_was_read() {
    let Some(mut service) = Running::start().await else { return };
    for number in 0..20 {
        let key = format!("unread-{number}");
        send_and_go(service.to, &placing(&key)).await;
        service.insist(&key).await;
    }
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_while_the_payment_service_thinks() {
    let Some(mut service) = Running::start().await else { return };
    let id = service.place("paid-by-nobody").await.json()["id"].as_str().unwrap().to_owned();
    service.payments.become_(Behaviour::Hanging);
    let mut stream = TcpStream::connect(service.to).await.unwrap();
    let asked =
        format!("POST /v1/orders/{id}/pay HTTP/1.1\r\nhost: orders.test\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    until("it is being paid", async || service.in_flight().await >= 1.0).await;
    drop(stream);
    service.payments.become_(Behaviour::Fine);
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_half_way_through_an_export() {
    let Some(mut service) = Running::start().await else { return };
    // More than sockets hold, so that the export cannot be over before the client is gone.
    service
        .database
        .psql(
            "INSERT INTO orders (customer, reference, total_cents) SELECT 'ann', 'x', 0 FROM generate_series(1, 60000); \
             INSERT INTO order_lines SELECT id, 1, 'ROPE', 1, 0 FROM orders",
        )
        .await;
    let mut stream = TcpStream::connect(service.to).await.unwrap();
    stream.write_all(b"GET /v1/orders/export HTTP/1.1\r\nhost: orders.test\r\n\r\n").await.unwrap();
    let mut first = vec![0; 4096];
    stream.read_exact(&mut first).await.unwrap();
    assert!(String::from_utf8_lossy(&first).starts_with("HTTP/1.1 200"));
    // It waits for the client, and holds no connection meanwhile.
    until("no connection is held", async || service.app.store().connections().0 == 0).await;
    drop(stream);
    until("it is over", async || service.in_flight().await == 0.0).await;
    service.database.psql("DELETE FROM orders").await;
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_read_is_whole() {
    let Some(mut service) = Running::start().await else { return };
    for number in 0..3 {
        service.place(&format!("exported-{number}")).await;
    }
    let response = web::get(service.to, "/v1/orders/export").await;
    assert_eq!(response.headers["content-type"], "application/x-ndjson");
    let keys: Vec<String> = response
        .text()
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["reference"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(keys, ["exported-0", "exported-1", "exported-2"]);
    service.is_well().await;
}
