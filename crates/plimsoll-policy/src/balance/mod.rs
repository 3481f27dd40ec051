//! The choice of an endpoint.

mod spec;

pub use spec::*;
