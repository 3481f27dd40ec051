//! The policies around an existing `reqwest::Client`.
//!
//! It is a tower service, so [`layer`] wraps it directly. Limits that the layer cannot see stay reqwest's own: those on
//! connecting and on bodies (`connect_timeout`, `read_timeout`). The call is settled with the response's head.
//!
//! ```
//! use plimsoll_http::client::reqwest::layer;
//! use plimsoll_policy::PolicySpec;
//! use tower::ServiceBuilder;
//!
//! let client = ServiceBuilder::new().layer(layer(PolicySpec::default())).service(reqwest::Client::new());
//! # let _ = client; // then: client.ready().await?.call(reqwest::Request::new(..)).await?
//! ```

use crate::{headers::grpc_timeout, idempotency::is_idempotent};
use ::reqwest::{Error, Request, Response};
use plimsoll_driver::classify::{connect, response};
use plimsoll_policy::{Failure, PolicySpec, Settlement, call::Facts};
use plimsoll_task::Deadline;
use plimsoll_tower::{
    Classify, Describe, Key, PolicyLayer, Replay,
    driver::{from_tokio, now},
    replay::Reach,
};
use std::time::SystemTime;

/// A policy layer for reqwest's types.
pub fn layer(policy: PolicySpec) -> PolicyLayer<ReqwestClassifier, ReqwestFacts, ReqwestReplay> {
    PolicyLayer::new(policy).classify(ReqwestClassifier).describe(ReqwestFacts).replay(ReqwestReplay)
}

/// Classifies an attempt: by its head as [`GrpcStatus`](plimsoll_driver::classify::GrpcStatus) does, or by reqwest's
/// kind of error. A request that cannot be built, a redirect that is not followed, and a failing body of the
/// caller are no failure of the peer, and are not retried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReqwestClassifier;

impl Classify<Response, Error> for ReqwestClassifier {
    fn classify(&self, result: Result<&Response, &Error>) -> Settlement {
        match result {
            // Trailers come after the call has been settled, so a good head decides.
            Ok(head) => {
                Settlement { provisional: false, ..response(head.status(), head.headers(), SystemTime::now) }
            }
            // First of all: a timeout of the caller's body is no timeout of the peer.
            Err(error) if is_the_callers(error) => Settlement::CALLER,
            // Also where connecting timed out: nothing was sent.
            Err(error) if error.is_connect() => connect(error),
            Err(error) if error.is_timeout() => Settlement::failure(Failure::Timeout),
            Err(_) => Settlement::failure(Failure::Broken),
        }
    }
}

/// Returns whether the fault is on our side: a request that cannot be built, a redirect that our own policy does not
/// follow (a loop, too many, another scheme), a body of ours that failed while it was sent. It says nothing about the
/// peer, and a retry would fail as well.
fn is_the_callers(error: &Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        // An error of the body is the source of one of the request.
        let ours = error
            .downcast_ref::<Error>()
            .is_some_and(|error| error.is_builder() || error.is_redirect() || error.is_body());
        // Over HTTP/2 a failed body shows as the stream that was reset for it.
        let reset_by_us = error
            .downcast_ref::<h2::Error>()
            .is_some_and(|error| error.is_reset() && !error.is_remote() && !error.is_library());
        if ours || reset_by_us || error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The description of a request: safe to repeat by its method or its `Idempotency-Key`; the earlier of the running
/// task's deadline and `grpc-timeout`; counted by its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReqwestFacts;

impl Describe<Request> for ReqwestFacts {
    fn describe(&self, request: &Request) -> Facts {
        let mut facts =
            Facts { idempotent: is_idempotent(request.method(), request.headers()), ..Facts::default() };
        if let Some(wait) = grpc_timeout(request.headers()) {
            facts.deadline = now() + wait;
        }
        if let Some(deadline) = Deadline::current().instant() {
            facts.deadline = facts.deadline.earliest(from_tokio(deadline));
        }
        facts
    }

    fn key<'r>(&self, request: &'r Request) -> Option<Key<'r>> {
        request.url().host_str().map(Key::from)
    }
}

/// The replay of a request: as a clone, if it has no body or a whole one. A streaming one is sent once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReqwestReplay;

impl Replay<Request> for ReqwestReplay {
    type Sent = Request;
    type Kept = Request;

    fn reach(&self, request: &Request) -> Reach {
        match request.body() {
            Some(body) if body.as_bytes().is_none() => Reach::Once,
            _ => Reach::Twice,
        }
    }

    fn once(&self, request: Request) -> Request {
        request
    }

    fn keep(&self, request: Request) -> (Request, Request) {
        (self.again(&request), request)
    }

    fn again(&self, kept: &Request) -> Request {
        kept.try_clone().expect("only a request whose body is there is kept")
    }
}
