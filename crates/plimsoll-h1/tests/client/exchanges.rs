//! Responses, and the connection after them.

use crate::support::{Upload, connect, get, script, send, text};
use http::{Method, StatusCode};
use http_body::Body as _;
use plimsoll_h1::{BodyError, ResponseHeadError, client::SendErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn a_connection_is_kept_after_a_clean_response() {
    let (mut conn, shelf, mut upstream) = connect().await;
    for raw in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\na: b\r\n\r\n",
    ] {
        let (response, request) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", raw));
        assert_eq!(request, "GET / HTTP/1.1\r\nhost: up\r\n\r\n");
        assert!(shelf.borrow().is_empty(), "kept only after the body's end");
        assert_eq!(text(response.unwrap()).await.unwrap(), "ok");
        conn = shelf.borrow_mut().pop().unwrap();
        assert!(conn.is_reusable());
    }
    let (response, _) =
        tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"));
    assert_eq!(response.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(shelf.borrow_mut().pop().unwrap().exchanges(), 4);
}

#[tokio::test]
async fn a_connection_is_not_kept_where_its_state_is_unsure() {
    for (raw, body) in [
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokstray", "ok"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nstray", ""),
    ] {
        let (conn, shelf, mut upstream) = connect().await;
        let (response, _) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", raw));
        assert_eq!(text(response.unwrap()).await.unwrap(), body);
        assert!(shelf.borrow().is_empty(), "{raw}");
        assert_eq!(upstream.read(&mut [0]).await.unwrap_or(0), 0, "closed");
    }
}

#[tokio::test]
async fn what_ends_with_the_connection_is_whole() {
    let (conn, shelf, mut upstream) = connect().await;
    let serving = async {
        script(&mut upstream, "\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil close").await;
        drop(upstream);
    };
    let (response, ()) = tokio::join!(get(conn), serving);
    assert_eq!(text(response.unwrap()).await.unwrap(), "until close");
    assert!(shelf.borrow().is_empty());
}

#[tokio::test]
async fn a_truncated_response_is_an_error() {
    for raw in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n",
    ] {
        let (conn, shelf, mut upstream) = connect().await;
        let serving = async {
            script(&mut upstream, "\r\n\r\n", raw).await;
            drop(upstream);
        };
        let (response, ()) = tokio::join!(get(conn), serving);
        assert!(matches!(text(response.unwrap()).await, Err(BodyError::Truncated)), "{raw}");
        assert!(shelf.borrow().is_empty());
    }
}

#[tokio::test]
async fn an_upstream_that_left_while_idle_is_told_from_others() {
    let (conn, shelf, mut upstream) = connect().await;
    let (response, _) = tokio::join!(
        get(conn),
        script(&mut upstream, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    );
    drop(response);
    let conn = shelf.borrow_mut().pop().unwrap();
    drop(upstream);
    let error = get(conn).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Closed(_)), "{error:?}");
    assert!(error.is_stale() && error.wrote);

    let (conn, _shelf, upstream) = connect().await;
    drop(upstream);
    let error = get(conn).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Closed(_)) && !error.is_stale());
}

#[tokio::test]
async fn an_idle_connection_that_spoke_or_closed_is_not_reused() {
    for stray in [&b"HTTP/1.1 408 Request Timeout\r\n\r\n"[..], b""] {
        let (conn, shelf, mut upstream) = connect().await;
        let raw = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let (response, _) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", raw));
        drop(response);
        let conn = shelf.borrow_mut().pop().unwrap();
        assert!(conn.is_reusable());
        upstream.write_all(stray).await.unwrap();
        drop(upstream);
        while conn.is_reusable() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn garbage_has_a_reason() {
    let long = format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(40_000));
    let interims = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(101);
    for (raw, expected) in [
        ("SSH-2.0-OpenSSH\r\n\r\n", ResponseHeadError::StatusLine),
        ("HTTP/1.1 200 OK\n\n", ResponseHeadError::BareLineFeed),
        ("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", ResponseHeadError::Field),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", ResponseHeadError::Framing),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", ResponseHeadError::UnaskedUpgrade),
        (&long, ResponseHeadError::HeadTooLarge),
        (&interims, ResponseHeadError::TooManyInterim),
    ] {
        let (conn, _shelf, mut upstream) = connect().await;
        let (response, _) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", raw));
        let error = response.unwrap_err();
        assert!(
            matches!(error.kind, SendErrorKind::Malformed(found) if found == expected),
            "{raw}: {error:?}"
        );
    }
    let (conn, _shelf, mut upstream) = connect().await;
    let serving = async {
        script(&mut upstream, "\r\n\r\n", "HTTP/1.1 200 OK\r\nConte").await;
        drop(upstream);
    };
    let (response, ()) = tokio::join!(get(conn), serving);
    assert!(matches!(response.unwrap_err().kind, SendErrorKind::Truncated));
}

#[tokio::test]
async fn a_head_response_has_no_body_whatever_it_says() {
    let (conn, shelf, mut upstream) = connect().await;
    let raw = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n";
    let (response, _) =
        tokio::join!(send(conn, &Method::HEAD, Upload::none()), script(&mut upstream, "\r\n\r\n", raw));
    assert!(response.unwrap().body().is_end_stream());
    assert_eq!(shelf.borrow().len(), 1);
}
