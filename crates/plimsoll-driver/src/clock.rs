//! The policies' clock, read from tokio's, so that a paused clock in a test is the policies' clock too.

use plimsoll_policy::Instant;
use std::{sync::OnceLock, time::Duration};

/// How far before the first reading the origin lies: a runtime whose paused clock began earlier still reads forward.
const HEADROOM: Duration = Duration::from_secs(3600);

fn origin() -> tokio::time::Instant {
    static ORIGIN: OnceLock<tokio::time::Instant> = OnceLock::new();
    *ORIGIN.get_or_init(|| {
        // The real clock, not tokio's: one test's paused clock may have been advanced far ahead of the others'.
        let now = std::time::Instant::now();
        tokio::time::Instant::from_std(now.checked_sub(HEADROOM).unwrap_or(now))
    })
}

/// The time now. One origin for the whole process, so that every thread means the same by an instant.
#[inline]
pub fn now() -> Instant {
    Instant::from_nanos(nanos(tokio::time::Instant::now().saturating_duration_since(origin())))
}

/// A policy's instant on tokio's clock, for a timer; `None` for [`Instant::FAR`] and what no timer can wait for.
pub fn to_tokio(instant: Instant) -> Option<tokio::time::Instant> {
    if instant == Instant::FAR {
        None
    } else {
        origin().checked_add(Duration::from_nanos(instant.as_nanos()))
    }
}

/// An instant of tokio's clock on the policies'; the origin for one before it.
pub fn from_tokio(instant: tokio::time::Instant) -> Instant {
    Instant::from_nanos(nanos(instant.saturating_duration_since(origin())))
}

fn nanos(duration: Duration) -> u64 {
    // In 64 bits throughout: this is asked several times a request, and overflows after 584 years.
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn follows_tokios_clock() {
        let before = now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(now().since(before), Duration::from_secs(5));
        assert_eq!(to_tokio(now()), Some(tokio::time::Instant::now()));
        assert_eq!(from_tokio(tokio::time::Instant::now()), now());
        assert_eq!(to_tokio(Instant::FAR), None);
    }
}
