//! Streams over real sockets: readers that stall, streams that fail.

#![cfg(feature = "server")]

use axum::{Router, response::IntoResponse, routing::get};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::HeaderValue;
use plimsoll_http::body::{Chunks, Event, EventStream, NdJson};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// Each stream could give 256 MiB.
const ITEMS: usize = 256 << 10;
const ITEM: usize = 1 << 10;

/// The bytes that a stalled reader may have in flight: the sockets' own buffers grow to some megabytes, hyper's to less
/// than one.
const IN_FLIGHT: usize = 24 << 20;

type Count = Arc<AtomicUsize>;

fn counted(produced: &Count) -> impl Stream<Item = Result<String, Infallible>> + Send + use<> {
    let produced = Arc::clone(produced);
    stream::iter(0..ITEMS).map(move |_| {
        produced.fetch_add(1, Relaxed);
        Ok("x".repeat(ITEM))
    })
}

fn app(produced: &Count) -> Router {
    let [lines, events, chunks] = [produced, produced, produced].map(Arc::clone);
    let fails = |after: usize| {
        let items = stream::iter(0..after).map(|number| Ok(number.to_string()));
        NdJson::new(items.chain(stream::iter([Err("password=hunter2")])))
    };
    Router::new()
        .route("/lines", get(async move || NdJson::new(counted(&lines))))
        .route(
            "/events",
            get(async move || {
                EventStream::new(counted(&events).map(|item| item.map(|text| Event::data(&text))))
            }),
        )
        .route(
            "/chunks",
            get(async move || {
                let bytes = counted(&chunks).map(|item| item.map(Bytes::from));
                Chunks::new(bytes, HeaderValue::from_static("text/plain")).into_response()
            }),
        )
        .route("/fails", get(async move || fails(100)))
}

async fn serve(produced: &Count) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app(produced);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut connection = socket.connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

/// Until nobody has anything left to do: a paused clock goes on only then.
async fn settled(produced: &Count) -> usize {
    loop {
        let before = produced.load(Relaxed);
        tokio::time::sleep(Duration::from_millis(1)).await;
        if produced.load(Relaxed) == before && before > 0 {
            return before;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_stalls_the_stream() {
    for path in ["/lines", "/events", "/chunks"] {
        let produced = Count::default();
        let mut connection = ask(serve(&produced).await, path).await;
        let at_first = settled(&produced).await;
        assert!(at_first * ITEM <= IN_FLIGHT, "{path}: {at_first} items for nobody");
        // It reads on, and the stream goes on; as far as it has read, and no further.
        let mut read = 0;
        let mut buffer = vec![0; 64 << 10];
        while read < 2 * IN_FLIGHT {
            read += connection.read(&mut buffer).await.unwrap();
        }
        let later = settled(&produced).await;
        assert!(later > at_first && later * ITEM <= read + IN_FLIGHT, "{path}: {later} after {read} bytes");
        // It goes away, and so does the stream.
        drop(connection);
        assert!(settled(&produced).await * ITEM <= read + IN_FLIGHT, "{path}");
    }
}

#[tokio::test]
async fn a_failed_stream_is_not_a_complete_response() {
    let mut connection = ask(serve(&Count::default()).await, "/fails").await;
    let mut got = Vec::new();
    // Whether the connection is closed or reset, the last chunk must not be there.
    let _ = connection.read_to_end(&mut got).await;
    let text = String::from_utf8(got).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200") && text.contains("\"99\"\n"),
        "what came before the error is there"
    );
    assert!(!text.ends_with("0\r\n\r\n"), "the end is missing");
    assert!(!text.contains("hunter2"));
}
