//! Responses that are dropped before their end: a connection is kept if the rest is short.

use crate::stand::{patient, until};
use plimsoll_http::client::{Client, PoolStats};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};

/// Sends this head at once, and the rest of the response on command.
async fn two_steps(head: &'static str, rest: Vec<u8>) -> (Client, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (told, rest) = (Arc::clone(&told), rest.clone());
            tokio::spawn(async move {
                let mut read = vec![0; 4096];
                while stream.read(&mut read).await.is_ok_and(|length| length > 0) {
                    stream.write_all(head.as_bytes()).await.unwrap();
                    told.notified().await;
                    if stream.write_all(&rest).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (Client::to(&origin, patient()).unwrap(), go_on)
}

fn pool(client: &Client) -> PoolStats {
    client.handles()[0].pool()
}

#[tokio::test]
async fn a_short_rest_is_read_and_its_connection_kept() {
    for (head, rest) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "llo"),
    ] {
        let (client, go_on) = two_steps(head, rest.into()).await;
        for _ in 0..3 {
            client.post("/events").send().await.unwrap().success().map(drop).unwrap();
            go_on.notify_one();
            until(|| pool(&client).idle == 1).await;
        }
        let stats = pool(&client);
        assert_eq!((stats.opened, stats.reused), (1, 2), "{head:?}");
    }
}

#[tokio::test]
async fn a_rest_that_has_come_is_read_at_once() {
    // Two chunks, so that the response does not come whole with its head.
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n";
    let (client, go_on) = two_steps(chunks, Vec::new()).await;
    drop(client.get("/").send().await.unwrap());
    assert_eq!((pool(&client).open, pool(&client).idle), (1, 1));
    go_on.notify_one();
}

#[tokio::test]
async fn a_long_rest_and_one_without_a_known_end_are_given_up() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ] {
        let (client, go_on) = two_steps(head, Vec::new()).await;
        drop(client.get("/").send().await.unwrap());
        assert_eq!(pool(&client).open, 0, "{head:?}");
        go_on.notify_one();
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_does_not_come_is_not_waited_for_long() {
    let (client, _silent) = two_steps("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Vec::new()).await;
    drop(client.get("/").send().await.unwrap());
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    until(|| pool(&client).open == 0).await;
}
