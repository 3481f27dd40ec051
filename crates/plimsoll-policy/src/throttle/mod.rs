//! Client-side throttling.

mod spec;

pub use spec::*;
