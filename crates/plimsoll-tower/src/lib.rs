//! The policies as tower layers, one directory a layer, and one fused layer that runs the whole call.
#![forbid(unsafe_code)]

pub mod classify;
mod describe;
pub mod driver;
mod error;
mod key;
pub mod policy;
pub mod replay;

pub use classify::Classify;
pub use describe::{Describe, Idempotent, Unknown};
pub use error::Error;
pub use key::Key;
pub use policy::PolicyLayer;
pub use replay::Replay;
