//! `Retry-After` in both of its forms.

use crate::Fields;
use http::header::RETRY_AFTER;
use std::time::{Duration, SystemTime};

/// A reading of the wall clock, for dates in headers: [`SystemTime::now`], or a fixed time in a test.
///
/// It is read only where a header names a date.
pub type WallClock = fn() -> SystemTime;

/// How long the peer asks to be left alone: `delay-seconds` or `HTTP-date` (RFC 9110, section 10.2.3).
///
/// A date in the past is a wait of nothing. More seconds than fit into 64 bits are as many as fit. `None` for neither form.
pub(super) fn retry_after(headers: &impl Fields, clock: WallClock) -> Option<Duration> {
    let text = str::from_utf8(headers.value_of(&RETRY_AFTER)?).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(clock()).unwrap_or_default())
}
