//! Hedging: when, and within which budget.

mod spec;

pub use spec::*;
