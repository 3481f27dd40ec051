use super::{Problem, ProblemId};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use plimsoll_driver::Fields;

/// The gRPC status codes that problems map to ([the list](https://grpc.github.io/grpc/core/md_doc_statuscodes.html)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum GrpcCode {
    /// 1
    Cancelled,
    /// 2
    Unknown,
    /// 3
    InvalidArgument,
    /// 4
    DeadlineExceeded,
    /// 5
    NotFound,
    /// 6
    AlreadyExists,
    /// 7
    PermissionDenied,
    /// 8
    ResourceExhausted,
    /// 9
    FailedPrecondition,
    /// 10
    Aborted,
    /// 11
    OutOfRange,
    /// 12
    Unimplemented,
    /// 13
    Internal,
    /// 14
    Unavailable,
    /// 15
    DataLoss,
    /// 16
    Unauthenticated,
}

impl GrpcCode {
    /// Returns its number on the wire.
    pub const fn number(self) -> u16 {
        match self {
            Self::Cancelled => 1,
            Self::Unknown => 2,
            Self::InvalidArgument => 3,
            Self::DeadlineExceeded => 4,
            Self::NotFound => 5,
            Self::AlreadyExists => 6,
            Self::PermissionDenied => 7,
            Self::ResourceExhausted => 8,
            Self::FailedPrecondition => 9,
            Self::Aborted => 10,
            Self::OutOfRange => 11,
            Self::Unimplemented => 12,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::DataLoss => 15,
            Self::Unauthenticated => 16,
        }
    }
}

/// Returns whether a request (or a response) with these headers speaks gRPC.
pub fn is_grpc(headers: &impl Fields) -> bool {
    let Some(content_type) = headers.value_of(&header::CONTENT_TYPE) else { return false };
    let Some(rest) = content_type.strip_prefix(b"application/grpc") else { return false };
    // application/grpc-web is another protocol, with its trailers in the body.
    matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

impl Problem {
    /// Returns a gRPC response of headers alone: status 200, `grpc-status`, `grpc-message`, and
    /// `grpc-retry-pushback-ms` if the wait before a retry is known. Code and id are metadata: `problem-code` and
    /// `problem-id`.
    pub fn to_grpc(&self) -> Response<Bytes> {
        self.grpc_as(self.known_as())
    }

    /// Returns the same under this id.
    pub(crate) fn grpc_as(&self, id: Option<ProblemId>) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(self.kind().grpc().number()));
        let text = self.detail_text().unwrap_or(self.kind().title());
        if let Ok(message) = HeaderValue::try_from(encoded(text)) {
            headers.insert("grpc-message", message);
        }
        let named = [
            ("problem-code", self.own_code().map(str::to_owned)),
            ("problem-id", id.map(|id| id.to_string())),
        ];
        for (name, value) in named {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        if let Some(wait) = self.retry_after() {
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            headers.insert("grpc-retry-pushback-ms", HeaderValue::from(millis));
        }
        response
    }

    /// Returns a gRPC response to a gRPC request, and problem details to any other.
    pub fn to_response(&self, request: &HeaderMap) -> Response<Bytes> {
        if is_grpc(request) { self.to_grpc() } else { self.to_http() }
    }
}

/// Percent-encodes as the gRPC protocol requires: printable ASCII except `%` stays.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, 0x20..=0x7E) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use std::time::Duration;

    #[test]
    fn a_refusal_in_grpc_is_a_response_of_headers() {
        let response = Problem::new(Kind::RateLimited).after(Duration::from_millis(250)).to_grpc();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], "8");
        assert_eq!(response.headers()["grpc-retry-pushback-ms"], "250");
        assert!(response.body().is_empty());
    }

    #[test]
    fn only_grpc_is_taken_for_grpc() {
        let with = |value: &'static str| {
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
        };
        for yes in ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8"] {
            assert!(is_grpc(&with(yes)), "{yes}");
        }
        for no in ["application/grpc-web", "application/json", "application/grpcx"] {
            assert!(!is_grpc(&with(no)), "{no}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn messages_survive_the_wire() {
        assert_eq!(encoded("50% – done"), "50%25 %E2%80%93 done");
    }
}
