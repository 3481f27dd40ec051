//! Rate limits: how many calls may begin in a time, independent of their outcomes.
//!
//! | machine | for | size | admit |
//! | --- | --- | --- | --- |
//! | [`TokenBucket`] | one limit for all callers; excess is refused | 256 bytes | one CAS |
//! | [`LeakyBucket`] | calls that should leave evenly; excess calls wait for their turn | 192 bytes | one CAS |
//! | [`KeyedLimiter`] | one limit for each client, route or tenant | 16 bytes a key | one CAS; a new key one lock |
//! | [`AdaptiveRate`] | a client's own sending, to a peer that responds with 429 when it is too much | 96 bytes | one load until the first 429, then a lock |
//! | [`RateLimiter`] | the limiter of a policy: one of the first three, by its [`RateLimitSpec`] | | |
//!
//! All but the adaptive one are the generic cell rate algorithm (GCRA; ITU-T I.371 and the ATM Forum's Traffic
//! Management Specification): a bucket is one number, the time at which it will be full again. Here that time is
//! counted in permits earned rather than in nanoseconds. An interval rounded to whole nanoseconds makes 999,999,937/s a
//! full 10⁹/s, and lets one call too many through at 3/s in each ten years' worth; in permits nothing has to be rounded
//! but the reading of the clock, and that does not add up. See [`TokenBucket`] for how exact that is.
//!
//! Compared with the `governor` crate: whole-nanosecond intervals there, the burst defaults to the whole quota (so
//! `per_minute(60)` lets 120 through in its first minute), and the keyed limiter grows until the user calls
//! `retain_recent`.

pub mod adaptive;
mod keyed;
mod leaky_bucket;
mod limiter;
mod meter;
mod params;
mod spec;
mod token_bucket;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

pub use adaptive::{AdaptiveRate, AdaptiveSnapshot};
pub use keyed::{KeyHasher, KeyedLimiter, KeysSnapshot};
pub use leaky_bucket::{LeakyBucket, QueueSnapshot, Slot};
pub use limiter::{RateLimiter, RateSnapshot};
pub use meter::Peek;
pub use spec::*;
pub use token_bucket::{BucketSnapshot, TokenBucket};

use crate::{Machine, Reason, RejectedError};

const fn refused() -> RejectedError {
    RejectedError::new(Machine::RateLimit, Reason::RateExceeded)
}
