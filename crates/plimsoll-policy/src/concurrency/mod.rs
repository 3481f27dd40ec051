//! Adaptive concurrency limits.

mod spec;

pub use spec::*;
