//! Every fault as it is seen from the other side.
#![allow(missing_docs)]

use plimsoll_testkit::{Fault, FaultyUpstream, Refusing};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than any response takes, and no more than a hanging test may cost.
const LONG: Duration = Duration::from_secs(20);
/// So long nothing must come.
const A_WHILE: Duration = Duration::from_millis(100);
/// As much of a response as is looked at.
const ENOUGH: u64 = 16 * 1024;

/// Returns the bytes that a client reads, and the way the connection ended.
async fn ask(fault: Fault) -> (String, io::Result<()>) {
    let upstream = FaultyUpstream::always(fault).await.unwrap();
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    let mut response = Vec::new();
    let sent = stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
    let mut enough = (&mut stream).take(ENOUGH);
    let read = timeout(LONG, enough.read_to_end(&mut response)).await.expect("an end").map(drop);
    (String::from_utf8_lossy(&response).into_owned(), sent.and(read))
}

#[tokio::test]
async fn what_is_cut_short_ends_short() {
    for (fault, end) in [
        (Fault::Truncated, "ten bytes."),
        (Fault::TruncatedChunk, "ten bytes."),
        (Fault::TooLong, "eighteen more."),
        (Fault::Raw("HTTP/1.1 200".into()), "HTTP/1.1 200"),
        (Fault::NotHttp, "no HTTP this\r\n\r\n"),
        (Fault::Close, ""),
        (Fault::Slow("slow".into(), Duration::from_millis(1)), "slow"),
    ] {
        let (response, read) = ask(fault.clone()).await;
        assert!(response.ends_with(end) && read.is_ok(), "{fault:?}: {response:?} {read:?}");
    }
}

#[tokio::test]
async fn what_is_reset_is_reset() {
    for fault in [Fault::Reset, Fault::ResetAtOnce, Fault::ResetInBody] {
        let (_, read) = ask(fault.clone()).await;
        let kind = read.expect_err("a reset").kind();
        assert!(
            matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe),
            "{fault:?}: {kind}"
        );
    }
}

#[tokio::test]
async fn what_never_ends_goes_on() {
    for fault in [Fault::EndlessHead, Fault::EndlessBody] {
        let (response, read) = ask(fault.clone()).await;
        assert!(response.len() as u64 == ENOUGH && read.is_ok(), "{fault:?}: {read:?}");
    }
}

#[tokio::test]
async fn what_is_silent_says_nothing() {
    for fault in [Fault::Silent, Fault::Deaf] {
        let upstream = FaultyUpstream::always(fault.clone()).await.unwrap();
        let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(timeout(A_WHILE, stream.read_u8()).await.is_err(), "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_healthy_serves_on() {
    let upstream = FaultyUpstream::start(|_| Fault::Healthy("ok".into())).await.unwrap();
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut response = [0; b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".len()];
        timeout(LONG, stream.read_exact(&mut response)).await.unwrap().unwrap();
        assert!(response.ends_with(b"ok"));
    }
    assert_eq!((upstream.connections(), upstream.requests()), (1, 3));
    upstream.script(|_| Fault::Status(503));
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut response = [0; 12];
    timeout(LONG, stream.read_exact(&mut response)).await.unwrap().unwrap();
    assert_eq!(&response, b"HTTP/1.1 503");
}

#[tokio::test]
async fn what_refuses_refuses() {
    let refusing = Refusing::new().unwrap();
    let refused = TcpStream::connect(refusing.address()).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(Fault::all().len(), 14);
}
