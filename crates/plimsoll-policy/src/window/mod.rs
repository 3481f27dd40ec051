//! Windows that slide: what was counted lately, without a lock and without a moment at which everything is forgotten.
//!
//! Both rings tag what they hold with the *era* it belongs to, so that a new era starts with an empty window without
//! anything being wiped, and a count that comes late for an earlier era lands where nobody looks.

mod calls;
mod stripe;
mod time;

pub(crate) use calls::CallRing;
pub(crate) use stripe::{STRIPES, stripe};
pub(crate) use time::{At, Grain, TimeRing};
