//! The parts of a driver of the policies under tokio: clock, draws, wakers, and the classifier.
//!
//! A driver runs [`plimsoll_policy::call::Call`]: it does what the machine says and tells it what happened. The tower
//! layers, the outbound client and the gateway are drivers, and each takes from here whatever must be the same in all of
//! them. So can whoever drives the call by hand.
//!
//! | item | use |
//! | --- | --- |
//! | [`now`], [`to_tokio`], [`from_tokio`] | the policies' clock, on tokio's |
//! | [`draw`], [`secret`] | randomness |
//! | [`Waiters`], [`TaskHost`] | the wakers of those who wait in a machine's line |
//! | [`classify`] | what a response or an error means to the machines |
#![forbid(unsafe_code)]

pub mod classify;
mod clock;
mod host;
mod random;
mod waiters;

pub use clock::{from_tokio, now, to_tokio};
pub use host::TaskHost;
pub use random::{draw, secret};
pub use waiters::Waiters;
