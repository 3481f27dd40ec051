//! Load shedding on queue delay.

mod spec;

pub use spec::*;
