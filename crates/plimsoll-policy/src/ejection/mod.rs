//! Outlier ejection: an endpoint that stands out is left alone for a while.
//!
//! After Envoy's outlier detection. An endpoint is ejected when so many attempts in a row have failed there, or when a
//! sweep finds its success rate below `mean − deviations · σ` of the endpoints that had enough requests. The first time
//! it is out for `duration`, each further time for that much longer up to `max_duration`; every sweep's time that it is in
//! takes one back. Up to a tenth of the time is drawn on top, so that endpoints that went together do not return
//! together. At most a part of the endpoints is out at once.
//!
//! Where this differs:
//! - **The last endpoint stays.** Neither the only endpoint nor the last one that is left is ever ejected, and that is
//!   said: a [`Verdict::Withheld`] for the log, and a count in the snapshot.
//! - **One a sweep**, the worst. Without it the others' mean is another, and the next sweep judges by that one.
//! - **No timer.** Sweeps happen when an attempt ends and one is due; an ejection ends by the time in it.
//!
//! Throttled and cancelled attempts count for nothing: a peer that says "less" is well, and one that was not waited for
//! has said nothing. What ends at an endpoint while it is ejected began before, and does not count either.
//!
//! Known weakness: success rates are compared among endpoints, so an outage of all of them ejects none by rate; and an
//! endpoint that fails one call in two is rarely caught in a row. That is what the breaker and the rate are for.

mod ejector;
mod endpoint;
mod spec;
mod sweep;
mod thresholds;
mod verdict;

pub use ejector::Ejector;
pub use endpoint::EndpointStanding;
pub use spec::*;
pub use verdict::{Ejected, EjectionReason, Verdict, Withheld, WithheldBecause};
