//! What an answer means to the policy.

use http::{HeaderMap, StatusCode, header};
use plimsoll::{Cause, Failure, Outcome, Settlement};
use std::time::{Duration, SystemTime};

/// An answer's head: 5xx is a failure, 429 asks for less, anything else went well. Over gRPC the status in the head, where
/// it stands there, counts instead.
pub(crate) fn head(status: StatusCode, headers: &HeaderMap) -> Settlement {
    if status == StatusCode::OK {
        let Some(code) = grpc_status(headers) else { return Settlement::SUCCESS };
        return grpc(code);
    }
    let code = status.as_u16();
    let outcome = match code {
        429 => Outcome::Throttled,
        500..=599 => Outcome::Failure(Failure::Answer),
        _ => Outcome::Success,
    };
    let cause = (code >= 400).then_some(Cause::Status(code));
    let retry_after = if matches!(code, 429 | 503) { retry_after(headers) } else { None };
    Settlement { outcome, cause, untouched: false, retry_after }
}

/// Whether a good head's verdict follows in trailers: over gRPC, where the status does not stand in the head.
pub(crate) fn is_provisional(status: StatusCode, headers: &HeaderMap) -> bool {
    let grpc = |value: &http::HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    status == StatusCode::OK
        && headers.get(header::CONTENT_TYPE).is_some_and(grpc)
        && grpc_status(headers).is_none()
}

/// The trailers of an answer: over gRPC they say how it went.
pub(crate) fn trailers(trailers: &HeaderMap) -> Outcome {
    grpc_status(trailers).map_or(Outcome::Success, |code| grpc(code).outcome)
}

fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// gRPC's codes under the headings of HTTP, so that one list of causes serves both.
fn grpc(code: u16) -> Settlement {
    let failure = |cause| Settlement {
        outcome: Outcome::Failure(Failure::Answer),
        cause,
        untouched: false,
        retry_after: None,
    };
    match code {
        4 => failure(Some(Cause::Status(504))),
        14 => failure(Some(Cause::Status(503))),
        2 | 13 | 15 => failure(None),
        8 => Settlement {
            outcome: Outcome::Throttled,
            cause: Some(Cause::Status(429)),
            untouched: false,
            retry_after: None,
        },
        _ => Settlement::SUCCESS,
    }
}

/// `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, pairs: &[(&'static str, &str)]) -> Settlement {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        head(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn statuses_mean_what_they_say() {
        assert_eq!(of(200, &[]), Settlement::SUCCESS);
        assert_eq!(of(404, &[]).outcome, Outcome::Success);
        assert_eq!(of(429, &[]).outcome, Outcome::Throttled);
        assert_eq!(of(503, &[]).outcome, Outcome::Failure(Failure::Answer));
        assert_eq!(of(503, &[]).cause, Some(Cause::Status(503)));
    }

    #[test]
    fn a_hint_is_read_in_both_forms() {
        assert_eq!(of(503, &[("retry-after", "7")]).retry_after, Some(Duration::from_secs(7)));
        assert_eq!(
            of(503, &[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")]).retry_after,
            Some(Duration::ZERO)
        );
        assert_eq!(of(503, &[("retry-after", "soon")]).retry_after, None);
        assert_eq!(of(200, &[("retry-after", "7")]).retry_after, None);
    }

    #[test]
    fn grpc_says_it_in_its_own_status() {
        assert_eq!(of(200, &[("grpc-status", "0")]), Settlement::SUCCESS);
        assert_eq!(of(200, &[("grpc-status", "14")]).cause, Some(Cause::Status(503)));
        assert_eq!(of(200, &[("grpc-status", "8")]).outcome, Outcome::Throttled);
        assert_eq!(of(200, &[("grpc-status", "5")]).outcome, Outcome::Success);
        let mut late = HeaderMap::new();
        late.insert("grpc-status", "13".parse().unwrap());
        assert!(trailers(&late).is_failure());
    }
}
