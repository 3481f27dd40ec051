//! The framing of a body (RFC 9112, section 6).

use http::{Method, StatusCode};

/// The delimiter of a message's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// A length in bytes.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// The end of the connection; only in responses.
    UntilClose,
}

impl Framing {
    /// The framing of a request, whose fields have been found unambiguous.
    pub(crate) fn of_request(length: Option<u64>, chunked: bool) -> Self {
        match (chunked, length) {
            (true, _) => Self::Chunked,
            (false, None | Some(0)) => Self::None,
            (false, Some(length)) => Self::Length(length),
        }
    }

    /// The framing of the response to a `method` request, whose fields have been found unambiguous.
    pub(crate) fn of_response(
        method: &Method,
        status: StatusCode,
        length: Option<u64>,
        chunked: bool,
    ) -> Self {
        if has_no_body(method, status) {
            return Self::None;
        }
        match (chunked, length) {
            (true, _) => Self::Chunked,
            (false, Some(0)) => Self::None,
            (false, Some(length)) => Self::Length(length),
            (false, None) => Self::UntilClose,
        }
    }
}

/// Returns whether a response ends with its head, whatever its fields state.
pub(crate) fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_without_bodies() {
        for (method, status) in [
            (Method::HEAD, StatusCode::OK),
            (Method::GET, StatusCode::CONTINUE),
            (Method::GET, StatusCode::SWITCHING_PROTOCOLS),
            (Method::GET, StatusCode::NO_CONTENT),
            (Method::GET, StatusCode::NOT_MODIFIED),
        ] {
            for (length, chunked) in [(None, false), (Some(9), false), (None, true)] {
                assert_eq!(Framing::of_response(&method, status, length, chunked), Framing::None);
            }
        }
    }

    #[test]
    fn responses_with_bodies() {
        let of = |length, chunked| Framing::of_response(&Method::GET, StatusCode::OK, length, chunked);
        assert_eq!(of(None, false), Framing::UntilClose);
        assert_eq!(of(Some(0), false), Framing::None);
        assert_eq!(of(Some(3), false), Framing::Length(3));
        assert_eq!(of(None, true), Framing::Chunked);
    }

    #[test]
    fn a_request_never_ends_with_its_connection() {
        assert_eq!(Framing::of_request(None, false), Framing::None);
        assert_eq!(Framing::of_request(Some(u64::MAX), false), Framing::Length(u64::MAX));
        assert_eq!(Framing::of_request(None, true), Framing::Chunked);
    }
}
