//! Hedging: its delay and its budget.
//!
//! A call that is slower than most gets a second attempt elsewhere, and the first response wins. Sent after the 95th
//! percentile it costs at most one call in twenty and cuts the tail to what two independent attempts leave of it: `P(T
//! > t) = P(X > t) · P(X > t − d)` for a delay `d`. Source: J. Dean, L. A. Barroso, "The Tail at Scale", CACM 2013.
//!
//! The budget is [`crate::retry::RetryBudget`]: hedges and retries draw from one balance. Known weakness: a slow peer
//! makes every call slower than the former percentile, so that each requests a hedge; then only the budget limits them.

mod hedger;
mod histogram;
mod quantile;
mod spec;

pub use hedger::{HedgeSnapshot, Hedger};
pub use quantile::LatencyQuantile;
pub use spec::*;
