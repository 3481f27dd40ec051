//! Outlier ejection: an endpoint that fails more than the others gets no traffic for a while.
//!
//! After Envoy's outlier detection (`source/common/upstream/outlier_detection_impl.cc`). An endpoint is ejected when so
//! many attempts in a row have failed there, or when a sweep finds
//! - its success rate below `mean − deviations · σ` of the endpoints that had enough requests, or
//! - too large a part of its requests failed, whatever the others did.
//!
//! The first time it is out for `duration`, each further time for that much longer up to `max_duration`; every sweep's
//! time that it is in takes one back. At most a part of the endpoints is out at once.
//!
//! The decisions are held against a transcription of Envoy's, step by step over random sequences (`ejector/envoy.rs`).
//! Differences from Envoy:
//! - **One may always be out**, however small the part. Envoy has this as `always_eject_one_host`, off by default: with
//!   its 10 % nothing is ever ejected from fewer than ten hosts, without any notice.
//! - **The last endpoint stays.** Neither the only endpoint nor the last one that is left is ever ejected. This is
//!   reported: as [`EjectionDecision::Withheld`] for the log, and as a count in the snapshot. Envoy ejects it if the
//!   part allows.
//! - **No timer.** A sweep happens when an attempt is recorded and a sweep is due. After a pause without traffic an
//!   endpoint's count of ejections falls by as many as sweeps would have happened. Envoy's timer also ends ejections,
//!   so that they last up to an interval longer; here they end by the time in them.
//! - **Jitter in proportion.** Up to a tenth of the time is added at random, so that endpoints that were ejected
//!   together do not return together. Envoy's jitter is a time, and none by default.
//! - **A clean record on return.** Attempts that end while an endpoint is out began before, and do not count; nor do
//!   those that led to the ejection. Envoy clears the run of failures only, so that a short ejection by rate can be
//!   followed by another for the same requests.
//! - **The worst first.** If more endpoints stand out than may be ejected, Envoy takes them in the order of a hash map.
//! - **Once a sweep.** An endpoint that stands out by its success rate and by its failure percentage is ejected once.
//!   Envoy ejects it a second time, which doubles its time and its part in the count of those that are out.
//! - **What counts.** Throttled attempts count for nothing (in Envoy a 429 is a success): the peer is healthy, but
//!   did not process the request. Nor do attempts that were cancelled, failed by the caller, or failed locally.
//!
//! # The outcome of the head counts
//! An attempt is recorded when its response's head has arrived, or when it failed ([`Ejector::settle`]). A body that
//! breaks off later can only add a failure ([`Ejector::settle_late`]). So a download that began before an endpoint fell
//! ill and ends well meanwhile does not end the run of failures.
//!
//! Known weakness: success rates are compared among endpoints, so an outage of all of them ejects none by rate; and an
//! endpoint that fails one call in two is rarely caught in a row. That is what the breaker and the rate are for.

mod changes;
mod decision;
mod ejector;
mod endpoint;
mod spec;
mod sweep;
mod thresholds;

pub(crate) use changes::Changes;
pub use decision::{Ejected, EjectionDecision, EjectionReason, Withheld, WithheldBecause};
pub use ejector::Ejector;
pub use endpoint::EndpointStanding;
pub use spec::*;
