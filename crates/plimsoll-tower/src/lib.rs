//! The policies as tower layers, one directory a layer, and one fused layer that runs the whole call.
#![forbid(unsafe_code)]

pub mod driver;
