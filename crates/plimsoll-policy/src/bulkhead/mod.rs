//! The bulkhead.

mod spec;

pub use spec::*;
