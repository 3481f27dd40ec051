//! gRPC's status codes and their settlements.

use crate::Fields;
use http::{HeaderName, StatusCode};
use plimsoll_policy::{Cause, Failure, Outcome, Settlement};
use std::time::Duration;

static STATUS: HeaderName = HeaderName::from_static("grpc-status");
static PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// A code of gRPC, from 0 to 16.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Code(u8);

impl Code {
    pub(super) const UNKNOWN: Self = Self(2);
    const UNIMPLEMENTED: Self = Self(12);
    const PERMISSION_DENIED: Self = Self(7);
    const INTERNAL: Self = Self(13);
    const UNAVAILABLE: Self = Self(14);
    const UNAUTHENTICATED: Self = Self(16);

    /// Reads the code from headers or trailers, if there is one.
    pub(super) fn from_fields(fields: &impl Fields) -> Option<Self> {
        let mut values = fields.values_of(&STATUS);
        let value = values.next()?;
        Some(if values.next().is_some() { Self::UNKNOWN } else { Self::from_text(value) })
    }

    /// Parses a decimal without leading zeros; anything else, or an unknown number, is `UNKNOWN`.
    fn from_text(text: &[u8]) -> Self {
        match *text {
            [digit @ b'0'..=b'9'] => Self(digit - b'0'),
            [b'1', digit @ b'0'..=b'6'] => Self(10 + digit - b'0'),
            _ => Self::UNKNOWN,
        }
    }

    /// Maps an HTTP status other than 200 of a response without `grpc-status`, by gRPC's own table.
    pub(super) fn from_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 | 431 => Self::INTERNAL,
            401 => Self::UNAUTHENTICATED,
            403 => Self::PERMISSION_DENIED,
            404 => Self::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => Self::UNAVAILABLE,
            _ => Self::UNKNOWN,
        }
    }

    /// Returns the settlement of the code, with the pushback beside it.
    #[inline]
    pub(super) fn settlement(self, fields: &impl Fields) -> Settlement {
        match self.0 {
            2 | 4 | 8 | 13 | 14 | 15 => self.refusal(fields),
            1 => Settlement::CANCELLED,
            _ => Settlement::SUCCESS,
        }
    }

    #[cold]
    fn refusal(self, fields: &impl Fields) -> Settlement {
        let failure = Outcome::Failure(Failure::Response);
        let (outcome, cause) = match self.0 {
            4 => (failure, Some(Cause::Status(504))),
            8 => (Outcome::Throttled, Some(Cause::Status(429))),
            14 => (failure, Some(Cause::Status(503))),
            _ => (failure, None),
        };
        let (cause, retry_after) = match Pushback::from_fields(fields) {
            None => (cause, None),
            Some(Pushback::Never) => (None, None),
            Some(Pushback::After(wait)) => (cause.or(Some(Cause::Other)), Some(wait)),
        };
        Settlement { outcome, cause, retry_after, ..Settlement::SUCCESS }
    }
}

/// The peer's demand on when to retry.
#[derive(Clone, Copy, Debug)]
enum Pushback {
    After(Duration),
    Never,
}

impl Pushback {
    /// Reads a signed 32-bit decimal of milliseconds; negative or unparsable forbids retries (gRFC A6).
    fn from_fields(fields: &impl Fields) -> Option<Self> {
        let mut values = fields.values_of(&PUSHBACK);
        let value = values.next()?;
        let millis = str::from_utf8(value).ok().and_then(|text| text.parse::<i32>().ok());
        let millis = millis.filter(|_| values.next().is_none()).and_then(|millis| u64::try_from(millis).ok());
        Some(millis.map_or(Self::Never, |millis| Self::After(Duration::from_millis(millis))))
    }
}
