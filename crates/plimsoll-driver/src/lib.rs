//! Drives calls under a policy: one loop over the call machine, whatever the connections are.
//!
//! [`plimsoll_policy::call::Call`] decides; a driver does what it says and tells it what happened. The tower layers, the
//! outbound client and the gateway are drivers, and each takes from here whatever must be the same in all of them. So can
//! whoever drives a call by hand.
//!
//! | item | use |
//! | --- | --- |
//! | [`run()`], [`Attempts`] | the loop from a request to its response's head, generic over the attempts |
//! | [`CallGuard`] | a call with its policy: however its driver ends, the machines hear of it |
//! | [`BodyGuard`] | the rest of a call, while its response's body is read |
//! | [`Marks`] | how far an attempt has come, and whom it waits for |
//! | [`AttemptSlots`] | room for the attempts under way |
//! | [`Time`], [`Timer`], [`Alarm`] | clock, timers and seeds: tokio's, or a [`TimeSource`] of one's own |
//! | [`Waiters`], [`TaskHost`] | the wakers of those who wait in a machine's line |
//! | [`now`], [`to_tokio`], [`from_tokio`], [`draw`], [`secret`], [`random_id`] | the policies' clock on tokio's, and randomness |
//! | [`client_network`] | the address under which a client is counted |
//! | [`classify`] | the meaning of a response or an error to the machines |
#![forbid(unsafe_code)]

mod address;
mod body;
pub mod classify;
mod clock;
mod guard;
mod host;
mod marks;
mod random;
mod run;
mod slots;
mod time;
mod waiters;

pub use address::client_network;
pub use body::{BodyGuard, BodyTimeout};
pub use clock::{from_tokio, now, to_tokio};
pub use guard::{CallGuard, Machines};
pub use host::TaskHost;
pub use marks::Marks;
pub use random::{draw, random_id, secret};
pub use run::{Answered, Attempts, Begin, Failed, run};
pub use slots::AttemptSlots;
pub use time::{Alarm, BoxSleep, PollUntil, Time, TimeSource, Timer};
pub use waiters::Waiters;
