//! The circuit breaker.

mod spec;

pub use spec::*;
