//! A server's reaction to signals. In a process of its own, for they are the process's.
#![cfg(all(feature = "server", unix))]
#![allow(missing_docs)]

use axum::{Router, routing::get};
use plimsoll_http::serve::{ServeError, serve};
use std::{net::SocketAddr, process::Command, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn signal(name: &str) {
    let sent = Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status();
    assert!(sent.unwrap().success());
}

async fn asks_for_ever(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /begun HTTP/1.1\r\nhost: a\r\n\r\nGET /never HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut head = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

/// All in one test: a signal reaches every server of the process.
#[tokio::test]
async fn the_first_signal_drains_and_the_second_ends() {
    let app = || {
        let never = std::future::pending::<&'static str>;
        Router::new().route("/begun", get(|| async { "begun" })).route("/never", get(never))
    };
    let bound = serve(app()).on("127.0.0.1:0").notice(None).bind().await.unwrap();
    let running = tokio::spawn(bound.run());
    signal("TERM");
    timeout(PATIENCE, running).await.expect("nothing is under way").unwrap().unwrap();

    let bound = serve(app()).on("127.0.0.1:0").bind().await.unwrap();
    let (address, drain) = (bound.addresses()[0], bound.drain_handle());
    let running = tokio::spawn(bound.run());
    let mut asking = asks_for_ever(address).await;
    signal("INT");
    timeout(PATIENCE, drain.draining().cancelled()).await.expect("Ctrl-C needs no notice");
    assert!(!running.is_finished(), "a request is under way");
    signal("INT");
    let ended = timeout(PATIENCE, running).await.expect("at once").unwrap();
    assert!(matches!(ended, Err(ServeError::CutShort)), "{ended:?}");
    let mut rest = Vec::new();
    let _closed = timeout(PATIENCE, asking.read_to_end(&mut rest)).await.unwrap();
}
