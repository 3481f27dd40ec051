//! The cost of the boundary for a call that goes well: beside the bare service, and where the response is a refusal.
//!
//! A call is: ready, call, poll to the response, read its body, drop. The request has the headers of a browser's; it goes
//! round, so that neither making nor dropping it is measured. `cargo bench -p plimsoll-http --bench boundary`, or `cargo xtask bench http` for what is claimed.
#![allow(missing_docs)]

use bytes::Bytes;
use divan::{Bencher, black_box};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use plimsoll_http::{Problem, boundary::BoundaryLayer};
use std::{
    cell::Cell,
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service};

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

const SAMPLE: u32 = 2_000;

fn main() {
    divan::main();
}

/// Where the request is between calls.
type Round = Rc<Cell<Option<Request<()>>>>;

/// A service that responds at once.
#[derive(Clone)]
struct Fine(Round);

impl Service<Request<()>> for Fine {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.0.set(Some(request));
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"fine")))))
    }
}

/// Fails at once.
#[derive(Clone)]
struct Refusing(Round);

impl Service<Request<()>> for Refusing {
    type Response = Response<Full<Bytes>>;
    type Error = Problem;
    type Future = Ready<Result<Self::Response, Problem>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.0.set(Some(request));
        ready(Err(Problem::not_found("no-such-order")))
    }
}

fn request() -> Request<()> {
    Request::post("http://orders.example/orders/7")
        .header("host", "orders.example")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip, br")
        .header("accept-language", "en")
        .header("content-type", "application/json")
        .header("content-length", "0")
        .header("user-agent", "bench")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .extension(7_u8)
        .body(())
        .unwrap()
}

fn call<S, R>(bencher: Bencher<'_, '_>, make: impl Fn(Round) -> S)
where
    S: Service<Request<()>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let round = Round::new(Cell::new(Some(request())));
    let mut service = make(Rc::clone(&round));
    bencher.bench_local(|| {
        let request = round.take().expect("it came back");
        assert!(service.poll_ready(&mut cx).is_ready());
        let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut cx) else {
            panic!("it responds at once");
        };
        let mut body = pin!(response.into_body());
        while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut cx) {
            black_box(frame.is_ok());
        }
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn boundary_bare(bencher: Bencher<'_, '_>) {
    call(bencher, Fine);
}

#[divan::bench(sample_size = SAMPLE)]
fn boundary_success(bencher: Bencher<'_, '_>) {
    call(bencher, |round| BoundaryLayer::new().layer(Fine(round)));
}

#[divan::bench(sample_size = SAMPLE)]
fn boundary_problem(bencher: Bencher<'_, '_>) {
    call(bencher, |round| BoundaryLayer::new().layer(Refusing(round)));
}
