//! How much time a caller gives.

use http::{HeaderMap, HeaderName};
use std::time::Duration;

/// In which gRPC clients say how long they wait
/// ([the protocol](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)).
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// In which Envoy, and every mesh made of it, tells a service how many milliseconds its response is waited for. HTTP itself
/// has no such field; of those that there are this one is sent by the most.
pub const EXPECTED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// Returns the time of `grpc-timeout`: at most eight digits and a unit. `None` where it is absent or malformed.
pub fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let count = number(digits, 8)?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// The milliseconds that the header `name` says, in at most ten digits. `None` where it is absent or says something else.
pub fn expected_timeout(headers: &HeaderMap, name: &HeaderName) -> Option<Duration> {
    number(headers.get(name)?.to_str().ok()?, 10).map(Duration::from_millis)
}

fn number(digits: &str, most: usize) -> Option<u64> {
    let plain = digits.len() <= most && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn milliseconds_are_digits_alone() {
        let read = |text: &'static str| {
            let headers = HeaderMap::from_iter([(EXPECTED_TIMEOUT, HeaderValue::from_static(text))]);
            expected_timeout(&headers, &EXPECTED_TIMEOUT)
        };
        assert_eq!(read("1500"), Some(Duration::from_millis(1500)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        for wrong in ["", "1.5", "-1", "+1", "1s", "99999999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn grpc_says_its_unit() {
        let read = |text: &'static str| {
            grpc_timeout(&HeaderMap::from_iter([(GRPC_TIMEOUT, HeaderValue::from_static(text))]))
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for wrong in ["", "S", "1", "1x", "123456789S", "-1S", "\u{a0}"] {
            assert_eq!(
                grpc_timeout(&HeaderMap::from_iter(
                    HeaderValue::from_str(wrong).ok().map(|v| (GRPC_TIMEOUT, v))
                )),
                None,
                "{wrong}"
            );
        }
    }
}
