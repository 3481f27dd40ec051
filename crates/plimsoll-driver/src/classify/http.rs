use super::{Classify, WallClock, retry_after::retry_after};
use crate::Fields;
use http::{Response, StatusCode};
use plimsoll_policy::{Cause, Failure, Outcome, Settlement};
use std::time::SystemTime;

/// HTTP by its status: 5xx are failures, 429 asks to slow down, everything else (4xx too: the peer did its part) went
/// well. An error is a broken connection.
///
/// Every 4xx and 5xx names its status as the cause, so the policy's `retry.on` decides which of them are tried again, and
/// `Retry-After` is read, as seconds or as a date. The whole table is [that of the module](super#http).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HttpStatus;

impl<B, E> Classify<Response<B>, E> for HttpStatus {
    #[inline]
    fn classify(&self, result: Result<&Response<B>, &E>) -> Settlement {
        match result {
            Ok(response) => by_status(response.status(), response.headers(), SystemTime::now),
            Err(_) => Settlement::failure(Failure::Broken),
        }
    }
}

/// Classifies a response by its HTTP status alone, whatever protocol is spoken over it.
#[inline]
pub fn by_status(status: StatusCode, headers: &impl Fields, clock: WallClock) -> Settlement {
    if status.as_u16() < 400 { Settlement::SUCCESS } else { unwelcome(status, headers, clock) }
}

#[cold]
fn unwelcome(status: StatusCode, headers: &impl Fields, clock: WallClock) -> Settlement {
    let outcome = match status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Throttled,
        _ if status.as_u16() >= 500 => Outcome::Failure(Failure::Response),
        _ => Outcome::Success,
    };
    Settlement {
        outcome,
        cause: Some(Cause::Status(status.as_u16())),
        retry_after: retry_after(headers, clock),
        ..Settlement::SUCCESS
    }
}
