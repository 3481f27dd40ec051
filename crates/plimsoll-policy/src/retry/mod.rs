//! Retries: causes, backoff and budget.

mod spec;

pub use spec::*;
