//! Hedges: a call that takes longer than most is sent a second time, and the first good answer is taken
//! ([`plimsoll_policy::hedge`]; Dean and Barroso, *The Tail at Scale*, 2013).
//!
//! It is the [fused layer](crate::policy) with nothing but hedges: both attempts live in the one future, without a task
//! or a box. Only requests that [`Describe`](crate::Describe) calls idempotent are hedged, and only if
//! [`Replay`](crate::Replay) can have two of them under way.
//!
//! Compared with `tower::hedge`: a failure does not win over an attempt that is still out; the loser is dropped at once
//! and its latency counted, so that the percentile does not come out too low; a budget bounds what hedges add to the
//! load; nothing grows with the time it runs.

mod layer;

pub use layer::{HedgeHandle, HedgeLayer};
