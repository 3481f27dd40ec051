//! Rate limits.

mod spec;

pub use spec::*;
