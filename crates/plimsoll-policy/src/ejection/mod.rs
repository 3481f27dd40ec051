//! Outlier ejection.

mod spec;

pub use spec::*;
