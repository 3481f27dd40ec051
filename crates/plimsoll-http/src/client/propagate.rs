//! Propagation of the current request's deadline and trace to the requests that it makes.

use crate::headers::{EXPECTED_TIMEOUT, GRPC_TIMEOUT, TRACEPARENT, TraceParent};
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, Entry},
};
use plimsoll_tower::driver::draw;
use std::time::Duration;

/// Returns whether it is a gRPC request.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Sets the header with the remaining time, unless the request has a shorter one.
pub(super) fn deadline(headers: &mut HeaderMap, left: Duration, grpc: bool) {
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    if grpc {
        // At most eight digits, so seconds if milliseconds have more.
        let value = if millis < 100_000_000 {
            format!("{millis}m")
        } else {
            format!("{}S", (millis / 1000).min(99_999_999))
        };
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(GRPC_TIMEOUT, value);
        }
        return;
    }
    headers.insert(EXPECTED_TIMEOUT, HeaderValue::from(millis));
}

/// Sets the header with the current trace and a new span. A request that has a trace header keeps it.
pub(super) fn trace(headers: &mut HeaderMap, current: TraceParent) {
    if let Entry::Vacant(entry) = headers.entry(TRACEPARENT) {
        let span = TraceParent { parent: draw().bits().max(1), ..current };
        entry.insert(span.value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_said_in_the_peers_words() {
        let said = |millis, grpc| {
            let mut headers = HeaderMap::new();
            deadline(&mut headers, Duration::from_millis(millis), grpc);
            let name = if grpc { GRPC_TIMEOUT } else { EXPECTED_TIMEOUT };
            headers[name].to_str().unwrap().to_owned()
        };
        assert_eq!(said(1500, false), "1500");
        assert_eq!(said(1500, true), "1500m");
        assert_eq!(said(200_000_000, true), "200000S");
    }

    #[test]
    fn a_trace_goes_on_under_a_span_of_its_own() {
        let current = TraceParent { trace: 7, parent: 9, flags: 1 };
        let mut headers = HeaderMap::new();
        trace(&mut headers, current);
        let sent = TraceParent::of(&headers).unwrap();
        assert_eq!((sent.trace, sent.flags), (7, 1));
        assert_ne!(sent.parent, 9);
        trace(&mut headers, TraceParent { trace: 8, ..current });
        assert_eq!(TraceParent::of(&headers), Some(sent), "what the request says itself stays");
    }
}
