//! Drivers of calls under a policy: one loop over the call machine, for any kind of connection.
//!
//! [`plimsoll_policy::call::Call`] decides; a driver carries out its actions and reports events. The tower layers, the
//! outbound client and the gateway are drivers, and share this crate's code for everything that must be the same in all
//! of them. It can also be used to drive a call by hand.
//!
//! | item | use |
//! | --- | --- |
//! | [`run()`], [`Attempts`] | the loop from a request to its response's head, generic over the attempts |
//! | [`CallGuard`] | a call with its policy, which is settled however its driver ends |
//! | [`BodyGuard`] | the rest of a call, while its response's body is read |
//! | [`Marks`] | the progress of an attempt, and which side it waits for |
//! | [`AttemptSlots`] | slots for the attempts in flight |
//! | [`Time`], [`Timer`], [`Alarm`] | clock, timers and seeds: tokio's, or a [`TimeSource`] of your own |
//! | [`Waiters`], [`TaskDriver`] | the wakers of a wait queue |
//! | [`now`], [`to_tokio`], [`from_tokio`], [`draw`], [`secret`], [`random_id`] | the policies' clock on tokio's, and randomness |
//! | [`client_network`] | the network address under which a client is counted |
//! | [`chain()`] | an error and its sources, bounded |
//! | [`classify`] | the meaning of a response or an error to the machines |
//! | [`Fields`], [`FieldsMut`] | the fields of a message, however they are kept |
#![forbid(unsafe_code)]

mod address;
mod body;
mod chain;
pub mod classify;
mod clock;
mod fields;
mod guard;
mod marks;
mod random;
mod run;
mod slots;
mod task;
mod time;
mod waiters;

pub use address::client_network;
pub use body::{BodyGuard, BodyTimeoutError};
pub use chain::chain;
pub use clock::{from_tokio, now, to_tokio};
pub use fields::{Fields, FieldsMut};
pub use guard::{CallGuard, Machines};
pub use marks::Marks;
pub use random::{draw, random_id, secret};
pub use run::{Attempts, Begin, CallError, ResponseHead, run};
pub use slots::AttemptSlots;
pub use task::TaskDriver;
pub use time::{Alarm, BoxSleep, PollUntil, Time, TimeSource, Timer};
pub use waiters::Waiters;
