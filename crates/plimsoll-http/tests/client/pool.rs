//! The pool's settings: age, requests, streams and connections; and connections on which nothing comes back.

use crate::stand::{LONG, handle, limited, patient};
use axum::{Router, routing::get};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use plimsoll_http::client::{Builder, Client};
use plimsoll_policy::{Limit, Timeouts};
use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};

/// A server of both protocols, which counts its connections. Requests to `/held` wait for the gate.
struct Counting {
    origin: String,
    connections: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Counting {
    async fn start() -> Self {
        let (gate, connections) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let held = Arc::clone(&gate);
        let app = Router::new().route("/", get(|| async { "ok" })).route(
            "/held",
            get(move || async move {
                held.acquire().await.unwrap().forget();
                "held"
            }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Relaxed);
                let service = TowerToHyperService::new(app.clone());
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { origin, connections, gate }
    }

    fn client(&self, builder: Builder) -> Client {
        builder.without_metrics().origin(&self.origin, patient()).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

async fn fetch(client: &Client, path: &str) -> String {
    let response = client.get(path).send().await.unwrap();
    String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap()
}

fn protocols() -> [fn() -> Builder; 2] {
    [Client::builder, || Client::builder().http2_only()]
}

#[tokio::test]
async fn a_connection_serves_only_so_many_requests() {
    for builder in protocols() {
        let server = Counting::start().await;
        let client = server.client(builder().connection_requests(NonZeroU64::new(2).unwrap()));
        for _ in 0..5 {
            assert_eq!(fetch(&client, "/").await, "ok");
        }
        assert_eq!((server.connections(), handle(&client).pool().opened), (3, 3));
    }
}

#[tokio::test]
async fn a_connection_that_is_too_old_takes_no_further_request() {
    for builder in protocols() {
        let server = Counting::start().await;
        let age = Duration::from_millis(200);
        let client = server.client(builder().connection_age(age));
        assert_eq!(fetch(&client, "/").await, "ok");
        sleep(age).await;
        assert_eq!(fetch(&client, "/").await, "ok");
        assert_eq!(server.connections(), 2);
        let client = server.client(builder().connection_age(LONG));
        for _ in 0..3 {
            assert_eq!(fetch(&client, "/").await, "ok");
        }
        assert_eq!(server.connections(), 3, "one that is young enough is used again");
    }
}

#[tokio::test]
async fn another_connection_is_made_when_all_streams_are_taken() {
    let server = Counting::start().await;
    let client = server.client(Client::builder().http2_only().http2_streams(NonZeroU32::new(2).unwrap()));
    assert_eq!(fetch(&client, "/").await, "ok");
    let held = futures_util::future::join_all((0..5).map(|_| fetch(&client, "/held")));
    let open = async {
        while server.connections() < 3 {
            tokio::task::yield_now().await;
        }
        server.gate.add_permits(5);
    };
    let (held, ()) = tokio::join!(held, open);
    assert!(held.iter().all(|response| response == "held"));
    assert_eq!(server.connections(), 3, "two on each");
}

#[tokio::test]
async fn where_no_more_connections_may_be_made_requests_wait_for_a_stream() {
    let server = Counting::start().await;
    let one = NonZeroU32::MIN;
    let client = server.client(Client::builder().http2_only().http2_connections(one).http2_streams(one));
    assert_eq!(fetch(&client, "/").await, "ok");
    server.gate.add_permits(5);
    let held = futures_util::future::join_all((0..5).map(|_| fetch(&client, "/held"))).await;
    assert!(held.iter().all(|response| response == "held"));
    assert_eq!(server.connections(), 1);
}

/// A peer that responds once on its first connection, then neither reads nor writes on it, and closes nothing.
async fn silent_after_one() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let first = count.fetch_add(1, Relaxed) == 0;
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond.send_response(http::Response::new(()), true).unwrap();
                    if first {
                        // Long enough to send it, and then never again.
                        let _ = tokio::time::timeout(Duration::from_millis(100), connection.accept()).await;
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    (origin, connections)
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_back_is_given_up_and_calls_go_over_another() {
    let (origin, connections) = silent_after_one().await;
    let attempt = Some(Duration::from_millis(400));
    let policy = limited(Timeouts { attempt, ..Timeouts::NONE });
    let client = Client::builder().http2_only().without_metrics().origin(&origin, policy).unwrap();
    assert_eq!(client.get("/").send().await.unwrap().status(), 200);
    sleep(Duration::from_millis(200)).await;
    // They wait in vain, a second in all.
    for _ in 0..3 {
        let error = client.get("/").send().await.unwrap_err();
        assert_eq!((error.timed_out(), connections.load(Relaxed)), (Some(Limit::Attempt), 1));
    }
    for _ in 0..3 {
        assert_eq!(client.get("/").send().await.unwrap().status(), 200);
    }
    assert_eq!(connections.load(Relaxed), 2);
}
