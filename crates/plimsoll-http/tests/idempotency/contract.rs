//! The contract of every layer, for requests without a key.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use plimsoll_testkit::{
    BrokenError,
    contract::{Contract, Inner},
};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service};

type Call<T> = Pin<Box<dyn Future<Output = Result<T, BrokenError>> + Send>>;

/// The probes' service over HTTP.
#[derive(Clone)]
struct Spoken(Inner);

impl Service<Request<Full<Bytes>>> for Spoken {
    type Response = Response<Full<Bytes>>;
    type Error = BrokenError;
    type Future = Call<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BrokenError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let call = self.0.call(1);
        Box::pin(async move { Ok(Response::new(Full::from(call.await?.to_string()))) })
    }
}

/// HTTP as the probes' service.
#[derive(Clone)]
struct Heard<S>(S);

impl<S, B> Service<u32> for Heard<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BrokenError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug + Send> + Send + 'static,
{
    type Response = u32;
    type Error = BrokenError;
    type Future = Call<u32>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BrokenError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, _: u32) -> Self::Future {
        let call = self.0.call(Request::new(Full::default()));
        Box::pin(async move {
            let body = call.await?.into_body().collect().await.unwrap().to_bytes();
            Ok(String::from_utf8_lossy(&body).parse().unwrap())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn requests_without_keys_pass_as_the_contract_asks() {
    let layer = || {
        let layer = crate::support::memory();
        move |inner| Heard(layer.layer(Spoken(inner)))
    };
    Contract::new(layer).errors(|error: &BrokenError| Some(*error)).hold().await;
}

/// With a key a dropped call goes on, so that its response is stored; the rest of the contract holds.
#[tokio::test(start_paused = true)]
async fn requests_with_keys_call_the_instance_that_was_readied() {
    use crate::support::post;
    use plimsoll_testkit::Step;
    use std::future::poll_fn;
    let inner = Inner::always(Step::Now(Ok(1)));
    let mut service = crate::support::memory().layer(Spoken(inner.clone()));
    for key in ["a", "b", "c"] {
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let mut clone = service.clone();
        assert_eq!(service.call(post(key, "{}")).await.unwrap().status(), 200);
        poll_fn(|cx| clone.poll_ready(cx)).await.unwrap();
        clone.call(post(key, "{}")).await.unwrap();
    }
    let record = inner.record();
    assert_eq!((record.calls, record.unready_calls, record.in_flight), (3, 0, 0));
}
