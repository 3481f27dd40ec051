//! The measurement of waits and holds that queues, locks and pools share.
//!
//! A clock read costs about as much as an uncontended lock, so a call that did not wait reads no clock, except one in
//! [`SAMPLED`]. The age of a hold or an item that nobody waits for is found from outside: [`WaitMonitor`] looks at every
//! lock and queue now and then, and a holder that is seen twice with the same turn has held the lock at least for the time
//! between. Such ages are lower bounds, short by at most the monitor's interval.

mod durations;
mod marks;
mod monitor;
mod registry;

pub use durations::Times;
pub use monitor::WaitMonitor;

pub(crate) use durations::Durations;
pub(crate) use marks::Marks;
pub(crate) use registry::Registry;

/// One in this number of acquisitions and items is timed without a wait.
pub const SAMPLED: u64 = 64;
