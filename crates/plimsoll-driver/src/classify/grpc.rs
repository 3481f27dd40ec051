use super::{Classify, HttpStatus};
use http::{HeaderMap, Response};
use plimsoll_policy::{Cause, Failure, Outcome, Settlement};
use std::time::Duration;

/// gRPC by the `grpc-status` in an answer's headers, which is where a call that fails before its first message has it.
///
/// | status | outcome | cause, as a status for `retry.on` |
/// | --- | --- | --- |
/// | `UNAVAILABLE` (14) | failure | 503 |
/// | `DEADLINE_EXCEEDED` (4) | failure | 504 |
/// | `UNKNOWN` (2), `INTERNAL` (13), `DATA_LOSS` (15) | failure | 500 |
/// | `RESOURCE_EXHAUSTED` (8) | throttled | 429 |
/// | all others | success: the peer did its part | |
///
/// `grpc-retry-pushback-ms` is the peer's `Retry-After`; a negative one asks not to be tried again ([gRFC A6]). An HTTP
/// status other than 200 is heard as [`HttpStatus`] hears it.
///
/// Known weakness: a status in the trailers, after messages, comes after the call has been settled, and is not seen.
///
/// [gRFC A6]: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GrpcStatus;

impl<B, E> Classify<Response<B>, E> for GrpcStatus {
    #[inline]
    fn classify(&self, result: Result<&Response<B>, &E>) -> Settlement {
        match result {
            Ok(response) if response.status().is_success() => by_headers(response.headers()),
            result => HttpStatus.classify(result),
        }
    }
}

#[inline]
fn by_headers(headers: &HeaderMap) -> Settlement {
    match headers.get("grpc-status") {
        None => Settlement::SUCCESS,
        Some(status) => by_status(status.as_bytes(), headers),
    }
}

fn by_status(status: &[u8], headers: &HeaderMap) -> Settlement {
    let (outcome, cause) = match status {
        b"14" => (Outcome::Failure(Failure::Answer), 503),
        b"4" => (Outcome::Failure(Failure::Answer), 504),
        b"2" | b"13" | b"15" => (Outcome::Failure(Failure::Answer), 500),
        b"8" => (Outcome::Throttled, 429),
        _ => return Settlement::SUCCESS,
    };
    let pushback =
        headers.get("grpc-retry-pushback-ms").map(|value| value.to_str().ok()?.parse::<u64>().ok());
    Settlement {
        outcome,
        // Present, and no number of milliseconds: "do not".
        cause: (pushback != Some(None)).then_some(Cause::Status(cause)),
        untouched: false,
        retry_after: pushback.flatten().map(Duration::from_millis),
        provisional: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(headers: &[(&'static str, &'static str)]) -> Settlement {
        let mut response = Response::new(());
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        GrpcStatus.classify(Ok::<_, &()>(&response))
    }

    #[test]
    fn codes_are_heard_as_they_are_meant() {
        assert_eq!(said(&[]), Settlement::SUCCESS);
        assert_eq!(said(&[("grpc-status", "0")]), Settlement::SUCCESS);
        assert_eq!(said(&[("grpc-status", "5")]), Settlement::SUCCESS, "NOT_FOUND is an answer");
        assert_eq!(said(&[("grpc-status", "14")]).cause, Some(Cause::Status(503)));
        assert_eq!(said(&[("grpc-status", "8")]).outcome, Outcome::Throttled);
    }

    #[test]
    fn pushback_says_when_or_never() {
        let wait = said(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "250")]);
        assert_eq!(wait.retry_after, Some(Duration::from_millis(250)));
        let never = said(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "-1")]);
        assert_eq!((never.cause, never.retry_after), (None, None));
    }
}
