use super::Classify;
use http::{Response, StatusCode, header::RETRY_AFTER};
use plimsoll_policy::{Cause, Failure, Outcome, Settlement};
use std::time::Duration;

/// HTTP by its status: 5xx are failures, 429 asks to slow down, everything else (4xx too: the peer did its part) went
/// well. An error is a broken connection.
///
/// Every 4xx and 5xx names its status as the cause, so the policy's `retry.on` decides which of them are tried again.
/// `Retry-After` is read where it counts seconds; one that names a date needs a wall clock, and is left to whoever has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HttpStatus;

impl<B, E> Classify<Response<B>, E> for HttpStatus {
    #[inline]
    fn classify(&self, result: Result<&Response<B>, &E>) -> Settlement {
        match result {
            Ok(response) if response.status().as_u16() < 400 => Settlement::SUCCESS,
            Ok(response) => turned_down(response),
            Err(_) => Settlement::failure(Failure::Broken),
        }
    }
}

#[cold]
fn turned_down<B>(response: &Response<B>) -> Settlement {
    let status = response.status();
    let outcome = match status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Throttled,
        _ if status.as_u16() >= 500 => Outcome::Failure(Failure::Answer),
        _ => Outcome::Success,
    };
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Settlement {
        outcome,
        cause: Some(Cause::Status(status.as_u16())),
        untouched: false,
        retry_after: seconds.map(Duration::from_secs),
        provisional: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, retry_after: Option<&str>) -> Settlement {
        let mut response = Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header(RETRY_AFTER, value);
        }
        HttpStatus.classify(Ok::<_, &()>(&response.body(()).unwrap()))
    }

    #[test]
    fn statuses_are_heard_as_they_are_meant() {
        for (status, outcome) in [
            (200, Outcome::Success),
            (304, Outcome::Success),
            (404, Outcome::Success),
            (429, Outcome::Throttled),
            (500, Outcome::Failure(Failure::Answer)),
            (503, Outcome::Failure(Failure::Answer)),
        ] {
            assert_eq!(said(status, None).outcome, outcome, "{status}");
        }
        assert_eq!((said(204, None).cause, said(503, None).cause), (None, Some(Cause::Status(503))));
    }

    #[test]
    fn the_peers_hint_is_read() {
        assert_eq!(said(503, Some("120")).retry_after, Some(Duration::from_secs(120)));
        assert_eq!(said(503, Some("-1")).retry_after, None);
        assert_eq!(said(503, Some("Wed, 21 Oct 2015 07:28:00 GMT")).retry_after, None);
    }
}
