//! The contract of every layer.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use plimsoll_http::{Problem, boundary::BoundaryLayer};
use plimsoll_testkit::{
    BrokenError,
    contract::{Contract, Inner},
};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// The probes' service over HTTP.
#[derive(Clone)]
struct Spoken(Inner);

impl Service<Request<u32>> for Spoken {
    type Response = Response<Full<Bytes>>;
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Problem>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        self.0.poll_ready(cx).map_err(|BrokenError(code)| Problem::internal(code.to_string()))
    }

    fn call(&mut self, request: Request<u32>) -> Self::Future {
        let call = self.0.call(request.into_body());
        Box::pin(async move {
            match call.await {
                Ok(number) => Ok(Response::new(Full::from(number.to_string()))),
                Err(BrokenError(code)) => Err(Problem::internal(code.to_string())),
            }
        })
    }
}

/// HTTP as the probes' service.
#[derive(Clone)]
struct Heard<S>(S);

impl<S, B> Service<u32> for Heard<S>
where
    S: Service<Request<u32>, Response = Response<B>, Error = Infallible>,
    S::Future: 'static,
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: std::fmt::Debug,
{
    type Response = u32;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<u32, Infallible>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: u32) -> Self::Future {
        let call = self.0.call(Request::new(request));
        Box::pin(async move {
            let body = call.await?.into_body().collect().await.unwrap().to_bytes();
            Ok(String::from_utf8_lossy(&body).parse().unwrap_or_default())
        })
    }
}

/// Errors and panics are what a boundary ends: the two probes that ask for them do not apply.
#[tokio::test(start_paused = true)]
async fn the_boundary_keeps_the_contract_of_layers() {
    let layer = || {
        let layer = BoundaryLayer::new();
        move |inner| Heard(layer.layer(Spoken(inner)))
    };
    let contract = Contract::new(layer).errors(|never: &Infallible| match *never {});
    contract.readiness_carries_no_permit();
    contract.readiness_is_the_inner_ones();
    contract.clones_share();
    contract.the_ready_instance_is_called();
    contract.cancelled_anywhere();
    contract.outlives_its_service().await;
}
