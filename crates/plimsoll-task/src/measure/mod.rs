//! What queues, locks and pools have in common when they say how long one waits.
//!
//! A clock read costs about as much as an uncontended lock, so nothing here reads a clock for a call that did not have
//! to wait, but one in [`SAMPLED`]. What a holder or an item that nobody waits for costs in time is found from the
//! other side: [`Watch`] looks at every lock and queue now and then, and who is seen twice with the same turn has been
//! there at least for the time between. Such ages are lower bounds, short by at most the interval of the watch.

mod durations;
mod marks;
mod registry;
mod watch;

pub use durations::Times;
pub use watch::Watch;

pub(crate) use durations::Durations;
pub(crate) use marks::Marks;
pub(crate) use registry::Registry;

/// One in so many acquisitions and items is timed though nobody waited.
pub const SAMPLED: u64 = 64;
