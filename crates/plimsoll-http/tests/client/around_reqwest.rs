//! A reqwest client under a policy.

use crate::stand::{SHORT, limited, retrying, upstream};
use plimsoll_http::client::reqwest::layer;
use plimsoll_policy::{Limit, PolicySpec, Timeouts};
use plimsoll_testkit::{Fault, FaultyUpstream};
use reqwest::{Method, Request};
use tower::{Layer, ServiceExt};

fn request(upstream: &FaultyUpstream, method: Method) -> Request {
    Request::new(method, format!("http://{}/", upstream.address()).parse().unwrap())
}

async fn answered(upstream: &FaultyUpstream, policy: PolicySpec, request: Request) -> Result<u16, String> {
    let _ = upstream;
    let service = layer(policy).layer(reqwest::Client::new());
    let answer = service.oneshot(request).await.map_err(|error| error.to_string())?;
    Ok(answer.status().as_u16())
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
        assert_eq!(answered(&upstream, retrying(), request).await.is_ok(), requests == 2);
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
