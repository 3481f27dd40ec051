//! What any driver of the policies needs under tokio: a clock, draws, and the wakers of those who wait in line.
//!
//! The layers of this crate use them, and so can whoever drives [`plimsoll_policy::call::Call`] by hand.

mod clock;
mod random;
mod waiters;

pub use clock::{now, to_tokio};
pub use random::draw;
pub use waiters::Waiters;
