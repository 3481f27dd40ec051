//! A reqwest client under a policy.

use crate::{
    server::Server,
    stand::{SHORT, limited, retrying, upstream},
};
use axum::response::{IntoResponse, Redirect};
use bytes::Bytes;
use http_body::Frame;
use plimsoll_http::client::reqwest::{ReqwestClassifier, layer};
use plimsoll_policy::{Limit, Outcome, PolicySpec, Timeouts};
use plimsoll_testkit::{Fault, FaultyUpstream};
use plimsoll_tower::Classify;
use reqwest::{Body, Method, Request};
use std::io;
use tower::{Layer, ServiceExt};

fn request(upstream: &FaultyUpstream, method: Method) -> Request {
    Request::new(method, format!("http://{}/", upstream.address()).parse().unwrap())
}

async fn responded(upstream: &FaultyUpstream, policy: PolicySpec, request: Request) -> Result<u16, String> {
    let _ = upstream;
    let service = layer(policy).layer(reqwest::Client::new());
    let response = service.oneshot(request).await.map_err(|error| error.to_string())?;
    Ok(response.status().as_u16())
}

#[tokio::test]
async fn what_may_be_sent_again_is() {
    for (method, key, requests) in
        [(Method::GET, false, 2), (Method::POST, false, 1), (Method::POST, true, 2)]
    {
        let upstream = FaultyUpstream::start(|connection| match connection {
            0 => Fault::Reset,
            _ => Fault::Healthy("ok".into()),
        })
        .await
        .unwrap();
        let mut request = request(&upstream, method);
        *request.body_mut() = Some("pay".into());
        if key {
            request.headers_mut().insert("idempotency-key", "\"7\"".parse().unwrap());
        }
        assert_eq!(responded(&upstream, retrying(), request).await.is_ok(), requests == 2);
        assert_eq!(upstream.requests(), requests);
    }
}

#[tokio::test]
async fn limits_hold() {
    let upstream = upstream(Fault::Silent).await;
    let policy = limited(Timeouts { attempt: Some(SHORT), ..Timeouts::NONE });
    let service = layer(policy).layer(reqwest::Client::new());
    let error = service.oneshot(request(&upstream, Method::GET)).await.unwrap_err();
    assert_eq!(error.timed_out(), Some(Limit::Attempt));
}

/// Returns reqwest's error, and the outcome for a policy around it.
async fn learned(request: Request) -> (reqwest::Error, Outcome, bool) {
    let error = reqwest::Client::new().execute(request).await.unwrap_err();
    let settlement = ReqwestClassifier.classify(Err(&error));
    (error, settlement.outcome, settlement.cause.is_some())
}

#[tokio::test]
async fn a_redirect_that_is_not_followed_is_no_failure_of_the_peer() {
    for to in ["/again", "ftp://elsewhere/"] {
        let server = Server::start(move |_| async move { Redirect::temporary(to).into_response() }).await;
        let request = Request::new(Method::GET, server.origin.parse().unwrap());
        let (error, outcome, again) = learned(request).await;
        assert_eq!((outcome, again), (Outcome::Caller, false), "{to}: {error:?}");
    }
}

#[tokio::test]
async fn a_loop_of_redirects_is_gone_round_once() {
    let server = Server::start(|_| async { Redirect::temporary("/again").into_response() }).await;
    let request = Request::new(Method::GET, server.origin.parse().unwrap());
    let service = layer(retrying()).layer(reqwest::Client::new());
    let error = service.oneshot(request).await.unwrap_err();
    assert!(error.inner().is_some_and(reqwest::Error::is_redirect), "{error:?}");
    assert_eq!(server.count(), 11, "reqwest goes on ten times; nobody begins anew");
}

#[tokio::test]
async fn a_request_that_cannot_be_made_is_no_failure_of_the_peer() {
    let request = Request::new(Method::GET, "ftp://elsewhere/".parse().unwrap());
    let (error, outcome, again) = learned(request).await;
    assert_eq!((outcome, again), (Outcome::Caller, false), "{error:?}");
}

#[tokio::test]
async fn a_body_of_ours_that_fails_is_no_failure_of_the_peer() {
    let upstream = upstream(Fault::Healthy("ok".into())).await;
    let mut request = request(&upstream, Method::PUT);
    let parts = [Ok(Frame::data(Bytes::from_static(b"half"))), Err(io::Error::other("the file is gone"))];
    let body = http_body_util::StreamBody::new(futures_util::stream::iter(parts));
    *request.body_mut() = Some(Body::wrap(body));
    let (error, outcome, again) = learned(request).await;
    assert_eq!((outcome, again), (Outcome::Caller, false), "{error:?}");
}

#[tokio::test]
async fn over_http_2_a_body_of_ours_that_fails_is_told_apart_from_a_peer_that_resets() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    // A GET is reset; a request with a body is read, and gets no response.
                    if request.method() == Method::GET {
                        respond.send_reset(h2::Reason::INTERNAL_ERROR);
                    } else {
                        tokio::spawn(async move {
                            let mut body = request.into_body();
                            while let Some(Ok(part)) = body.data().await {
                                let _ = body.flow_control().release_capacity(part.len());
                            }
                            drop(respond);
                        });
                    }
                }
            });
        }
    });
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let mut failing = Request::new(Method::PUT, origin.parse().unwrap());
    let parts = [Ok(Frame::data(Bytes::from_static(b"half"))), Err(io::Error::other("the file is gone"))];
    *failing.body_mut() =
        Some(Body::wrap(http_body_util::StreamBody::new(futures_util::stream::iter(parts))));
    let error = client.execute(failing).await.unwrap_err();
    let settlement = ReqwestClassifier.classify(Err(&error));
    assert_eq!((settlement.outcome, settlement.cause), (Outcome::Caller, None), "{error:?}");
    let error = client.execute(Request::new(Method::GET, origin.parse().unwrap())).await.unwrap_err();
    let settlement = ReqwestClassifier.classify(Err(&error));
    assert!(settlement.outcome.is_failure() && settlement.cause.is_some(), "{error:?}");
    serving.abort();
}

#[tokio::test]
async fn whoever_refuses_or_breaks_is_to_blame() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let request = Request::new(Method::GET, format!("http://{gone}/").parse().unwrap());
    let (error, outcome, again) = learned(request).await;
    assert!(outcome.is_failure() && again, "{error:?}");
    let upstream = upstream(Fault::Reset).await;
    let (error, outcome, again) = learned(self::request(&upstream, Method::GET)).await;
    assert!(outcome.is_failure() && again, "{error:?}");
}
