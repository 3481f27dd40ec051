//! The layers for what comes in: each alone, by a clock that stands until it is moved.
#![allow(missing_docs)]

mod bodies;
mod contract;
mod deadlines;
mod shedding;
