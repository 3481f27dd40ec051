//! Interim responses over HTTP/2, and the expectation of one; HTTP/1.1's are in `messages` and `protocol`.

use crate::support::{
    Origin, Setup,
    http2::{self, Http2Origin, Http2Serving, client, converse, read, request, until_seen, whole},
};
use bytes::Bytes;
use h2::client::ResponseFuture;
use http::{HeaderValue, Response, StatusCode};
use std::future::poll_fn;

const RETRY: &str = r#"retry = { attempts = 3, backoff = "1ms..2ms", budget = "100%", reserve = 100 }"#;

/// The next interim response; `None` where the final one is there.
async fn next_interim(response: &mut ResponseFuture) -> Option<Response<()>> {
    poll_fn(|cx| response.poll_informational(cx)).await.map(|interim| interim.expect("an open stream"))
}

fn interim(status: u16, fields: &[(&'static str, &'static str)]) -> Response<()> {
    let mut interim = Response::new(());
    *interim.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        interim.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    interim
}

#[test]
fn those_of_an_http1_endpoint_are_passed_on() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let (mut response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        let mut connection = until_seen(|| origin.try_accept()).await;
        connection.expect_request();
        // 100 is for a client that waits for it, and this one does not.
        connection.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-gone\r\nX-Gone: 1\r\n\r\n");
        assert_eq!(next_interim(&mut response).await.unwrap().status(), 102);
        let hints = next_interim(&mut response).await.unwrap();
        assert_eq!(
            (hints.status().as_u16(), &hints.headers()["link"]),
            (103, &HeaderValue::from_static("</a.css>"))
        );
        assert!(!hints.headers().contains_key("x-gone"));
        connection.respond("ok");
        assert!(next_interim(&mut response).await.is_none());
        assert_eq!(whole(response).await.unwrap().0.body(), b"ok");
    });
}

#[test]
fn those_of_an_http2_endpoint_are_passed_on_by_both_protocols() {
    let origin = Http2Serving::by(|(_, mut respond)| async move {
        for status in [102, 100, 101] {
            respond.send_informational(interim(status, &[])).unwrap();
        }
        respond.send_informational(interim(103, &[("link", "</a.css>"), ("link", "</b.css>")])).unwrap();
        respond.send_response(Response::builder().status(204).body(()).unwrap(), true).unwrap();
    });
    let gateway = Setup::to_addresses([origin.address]).upstream("protocol = \"h2\"").start();
    let mut http1 = gateway.client();
    http1.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(http1.interim().status(), 102);
    assert_eq!(http1.interim().status(), 103);
    assert_eq!(http1.response().status(), 204);
    converse(async {
        let mut sender = client(gateway.address).await;
        let (mut response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        assert_eq!(next_interim(&mut response).await.unwrap().status(), 102);
        let hints = next_interim(&mut response).await.unwrap();
        assert_eq!(hints.status(), 103, "neither the 100 that nobody waits for, nor 101");
        let links: Vec<_> = hints.headers().get_all("link").iter().collect();
        assert_eq!(links, ["</a.css>", "</b.css>"]);
        assert!(next_interim(&mut response).await.is_none());
        assert_eq!(response.await.unwrap().status(), 204);
    });
}

#[test]
fn a_hundred_are_passed_on_and_more_are_an_error_that_is_not_retried() {
    let origin = Http2Serving::by(|(request, mut respond)| async move {
        let count: usize = request.uri().path()[1..].parse().unwrap();
        for _ in 0..count {
            if respond.send_informational(interim(103, &[("link", "</a.css>")])).is_err() {
                return;
            }
        }
        let _ = respond.send_response(Response::builder().status(204).body(()).unwrap(), true);
    });
    let gateway = Setup::to_addresses([origin.address]).upstream("protocol = \"h2\"").policy(RETRY).start();
    converse(async {
        let mut sender = client(gateway.address).await;
        for (count, status) in [(100, 204), (101, 502)] {
            let path = format!("/{count}");
            let (mut response, _) = sender.send_request(request("GET", &path), true).unwrap();
            let mut seen = 0;
            while next_interim(&mut response).await.is_some() {
                seen += 1;
            }
            assert_eq!((seen, response.await.unwrap().status().as_u16()), (100, status));
        }
    });
    assert_eq!(gateway.metric("plimsoll_problems_total", &["kind=\"upstream-head-too-large\""]), 1);
    assert_eq!(gateway.metric("plimsoll_attempts_total", &[]), 2, "none is sent again");
    let none = "protocol = \"h2\"\nanswer = { interim = 0 }";
    let gateway = Setup::to_addresses([origin.address]).upstream(none).start();
    gateway.client().get("/1").assert_problem(502, "upstream-head-too-large");
    assert_eq!(gateway.client().get("/0").status(), 204);
}

#[test]
fn a_head_over_the_limit_is_an_error_though_it_is_an_interim_one() {
    let origin = Http2Serving::by(|(_, mut respond)| async move {
        let mut large = interim(103, &[]);
        large.headers_mut().insert("x", "a".repeat(3000).parse().unwrap());
        respond.send_informational(large).unwrap();
        respond.send_response(Response::builder().status(204).body(()).unwrap(), true).unwrap();
    });
    for (head, status) in [("2KiB", 502), ("4KiB", 204)] {
        let response = format!("protocol = \"h2\"\nanswer = {{ head = \"{head}\" }}");
        let gateway = Setup::to_addresses([origin.address]).upstream(&response).start();
        assert_eq!(gateway.client().get("/").status(), status, "{head}");
    }
}

/// The client is asked for its body when the endpoint is sent it, and the endpoint is told nothing of it.
#[test]
fn a_client_that_waits_to_be_asked_is_asked_when_its_body_is_wanted() {
    let (http1, http2) = (Origin::by_hand(), Http2Origin::listening());
    let to_http1 = Setup::to(&http1).start();
    let to_http2 = Setup::to_addresses([http2.address]).upstream("protocol = \"h2\"").start();
    converse(async {
        let mut sender = client(to_http1.address).await;
        let mut put = request("PUT", "/");
        put.headers_mut().insert("expect", HeaderValue::from_static("100-Continue"));
        let (mut response, mut body) = sender.send_request(put.clone(), false).unwrap();
        assert_eq!(next_interim(&mut response).await.unwrap().status(), 100);
        body.send_data(Bytes::from_static(b"body"), true).unwrap();
        let mut connection = until_seen(|| http1.try_accept()).await;
        let asking = std::thread::spawn(move || (connection.expect_request(), connection));
        assert!(until_seen(|| asking.is_finished().then_some(true)).await);
        let (asked, mut connection) = asking.join().unwrap();
        assert_eq!((asked.field("expect"), &*asked.body), (None, &b"body"[..]));
        // The endpoint may say it once more: nobody waits for it any longer.
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        connection.respond("done");
        assert!(next_interim(&mut response).await.is_none());
        assert_eq!(whole(response).await.unwrap().0.body(), b"done");

        let mut sender = client(to_http2.address).await;
        let (mut response, mut body) = sender.send_request(put, false).unwrap();
        let ((asked, mut respond), _more) = http2::next(http2.accept().await).await;
        assert!(!asked.headers().contains_key("expect"));
        assert_eq!(next_interim(&mut response).await.unwrap().status(), 100);
        body.send_data(Bytes::from_static(b"body"), true).unwrap();
        assert_eq!(read(asked.into_body()).await.unwrap().0, b"body");
        respond.send_response(Response::builder().status(204).body(()).unwrap(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 204);
    });
}

#[test]
fn a_client_that_waits_to_be_asked_is_refused_before_it_sends() {
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::to(&origin).policy(r#"rate-limit = { rate = "1/h", burst = 1 }"#).start();
    assert_eq!(gateway.client().get("/").status(), 200);
    converse(async {
        let mut sender = client(gateway.address).await;
        let mut put = request("PUT", "/");
        put.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
        let (mut response, _body) = sender.send_request(put, false).unwrap();
        assert!(next_interim(&mut response).await.is_none(), "no 100 before it");
        assert_eq!(response.await.unwrap().status(), 429);
    });
    assert_eq!(origin.requests(), 1);
}
