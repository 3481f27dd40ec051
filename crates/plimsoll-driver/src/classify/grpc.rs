use super::{Classify, HttpStatus, WallClock, by_status, grpc_code::Code, retry_after::retry_after};
use crate::Fields;
use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use plimsoll_policy::Settlement;
use std::time::SystemTime;

/// gRPC by the `grpc-status` in a response's head, which is where a call that fails before its first message has it.
/// Responses of other kinds are classified as by [`HttpStatus`].
///
/// The table of codes is [that of the module](super#grpc).
///
/// Known weakness: the trailers, and a status in them, come after the call has been settled, and are not seen. So a good
/// head is a success here, and not [provisional](Settlement::provisional): nobody would ever confirm it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GrpcStatus;

impl<B, E> Classify<Response<B>, E> for GrpcStatus {
    #[inline]
    fn classify(&self, result: Result<&Response<B>, &E>) -> Settlement {
        match result {
            Ok(head) => {
                Settlement { provisional: false, ..response(head.status(), head.headers(), SystemTime::now) }
            }
            result => HttpStatus.classify(result),
        }
    }
}

/// Classifies the head of a response: by gRPC's status where its `Content-Type` is gRPC's, else by its own.
///
/// A good head of gRPC is [provisional](Settlement::provisional): a driver that sees the trailers goes on with
/// [`BodyClassifier`](super::BodyClassifier).
#[inline]
pub fn response(status: StatusCode, headers: &impl Fields, clock: WallClock) -> Settlement {
    match Flavor::from_headers(headers) {
        None => by_status(status, headers, clock),
        Some(flavor) => grpc(flavor, status, headers, clock),
    }
}

/// Classifies the trailers of a response of gRPC; `None` where they have no `grpc-status`.
#[inline]
pub fn trailers(trailers: &HeaderMap) -> Option<Settlement> {
    Code::from_fields(trailers).map(|code| code.settlement(trailers))
}

fn grpc(flavor: Flavor, status: StatusCode, headers: &impl Fields, clock: WallClock) -> Settlement {
    if let Some(code) = Code::from_fields(headers) {
        return code.settlement(headers);
    }
    if status == StatusCode::OK {
        return Settlement { provisional: flavor == Flavor::Http2, ..Settlement::SUCCESS };
    }
    let mut settlement = Code::from_http(status).settlement(headers);
    if settlement.cause.is_some() && settlement.retry_after.is_none() {
        settlement.retry_after = retry_after(headers, clock);
    }
    settlement
}

/// Where a response of gRPC has its trailers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flavor {
    /// In HTTP's trailers.
    Http2,
    /// In its body.
    Web,
}

impl Flavor {
    #[inline]
    fn from_headers(headers: &impl Fields) -> Option<Self> {
        const PREFIX: &[u8] = b"application/grpc";
        let (prefix, rest) = headers.value_of(&CONTENT_TYPE)?.split_at_checked(PREFIX.len())?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return None;
        }
        let ends = |rest: &[u8]| matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'));
        if ends(rest) {
            return Some(Self::Http2);
        }
        let web = [&b"-web-text"[..], b"-web"].into_iter().any(|name| {
            let found = rest.split_at_checked(name.len());
            found.is_some_and(|(suffix, rest)| suffix.eq_ignore_ascii_case(name) && ends(rest))
        });
        web.then_some(Self::Web)
    }
}
