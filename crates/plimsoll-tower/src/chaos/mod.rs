//! Chaos: injected delays, errors and aborts, to test how the other layers handle them.
//!
//! A call's faults follow from a seed and the number of the call alone: the same seed hits the same calls in every run,
//! however many threads call. Each kind is drawn independently, so a call can be delayed and then fail.
//!
//! ```
//! use plimsoll_policy::units::Ratio;
//! use plimsoll_tower::ChaosLayer;
//! use std::{io, time::Duration};
//!
//! let chaos = ChaosLayer::seeded(7, || io::Error::other("chaos"))
//!     .delays(Ratio::percent(10), Duration::from_millis(200))
//!     .errors(Ratio::percent(5))
//!     .aborts(Ratio::percent(1));
//! chaos.pause(true); // and from here on everything goes well
//! ```

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::ChaosLayer;
pub use service::ChaosService;
