//! Hedges: a call that takes longer than most is sent a second time, and the first good response is used
//! ([`plimsoll_policy::hedge`]; Dean and Barroso, *The Tail at Scale*, 2013).
//!
//! This is the [fused layer](crate::policy) with hedges alone: both attempts live in one future, without a task or a box.
//! Only requests that [`Describe`](crate::Describe) calls idempotent are hedged, and only if [`Replay`](crate::Replay)
//! allows two of them in flight.
//!
//! Compared with `tower::hedge`: a failure does not win over an attempt in flight; the loser is dropped at once
//! and its latency counted, so that the percentile does not come out too low; a budget bounds what hedges add to the
//! load; nothing grows with the time it runs.

mod layer;

pub use layer::{HedgeHandle, HedgeLayer};
