//! What any driver of the policies needs under tokio: a clock, draws, and the wakers of those who wait in line.
//!
//! The layers of this crate use them, and so can whoever drives [`plimsoll_policy::call::Call`] by hand.

mod clock;
mod host;
mod random;
mod waiters;

pub use clock::{from_tokio, now, to_tokio};
pub use host::TaskHost;
pub use random::{draw, secret};
pub use waiters::Waiters;
