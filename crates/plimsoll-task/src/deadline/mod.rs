//! Until when the work at hand is wanted, without passing it through every signature.
//!
//! A task carries its deadline as Go's `context.Context` does: [`Deadline::current`] is the deadline of the running
//! code, [`Deadline::NEVER`] if none is set. It narrows on its way down and never widens: under [`Deadline::scope`] the
//! earlier of the two holds, at every poll, wherever the future was made.
//!
//! Scopes, supervisors and pools of this crate hand it on to the tasks they start; a plain `tokio::spawn` does not
//! (wrap the future by [`Deadline::scope`] there). Two verbs, one of which cuts:
//!
//! | | tells what runs | ends it when time is over |
//! | --- | --- | --- |
//! | [`Deadline::scope`] | yes | no: a waiter asks [`Deadline::current`] |
//! | [`Deadline::enforce`], [`within`] | yes | yes, by dropping it |
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use plimsoll_task::{Deadline, deadline::within};
//! use std::time::Duration;
//!
//! let outer = within(Duration::from_secs(2), async {
//!     // Ten seconds are asked for, two are there.
//!     within(Duration::from_secs(10), async { Deadline::current().remaining() }).await
//! });
//! let left = outer.await.unwrap().unwrap();
//! assert!(left.is_some_and(|left| left <= Duration::from_secs(2)));
//! assert_eq!(Deadline::current(), Deadline::NEVER);
//! # });
//! ```
//!
//! Time is tokio's ([`tokio::time::Instant`]), so a test that pauses the clock pauses deadlines as well.

mod current;
mod enforce;

pub(crate) use current::Entered;
pub use current::Scoped;
pub use enforce::{DeadlineExceededError, Enforced, within};

use crate::current as ambient;
use std::{cmp::Ordering, fmt, future, time::Duration};
use tokio::time::{Instant, sleep_until};

/// Until when something is wanted. Later is greater; [`Deadline::NEVER`] is the greatest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No deadline.
    pub const NEVER: Self = Self(None);

    /// That long from now; [`Deadline::NEVER`] where the clock cannot count so far.
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now().checked_add(duration))
    }

    /// At that instant.
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// The deadline of what is running now; [`Deadline::NEVER`] outside [`Deadline::scope`] and of whatever hands it
    /// on.
    #[inline]
    pub fn current() -> Self {
        ambient::current()
    }

    /// When it is; `None` is never.
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }

    /// The time left: zero once it has passed, `None` for ever.
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Returns whether it has passed.
    pub fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// The earlier of the two.
    #[must_use]
    pub fn earliest(self, other: Self) -> Self {
        self.min(other)
    }

    /// Runs `future` under the earlier of this deadline and the one around it. Nothing is cut: see
    /// [`Deadline::enforce`].
    pub fn scope<F: Future>(self, future: F) -> Scoped<F> {
        Scoped::new(self, future)
    }

    /// Calls `work` under the earlier of this deadline and the one around it: for threads.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        let _entered = Entered::new(self);
        work()
    }

    /// Runs `future` as [`Deadline::scope`] does, and drops it once the time is over. See [`within`].
    pub fn enforce<F: Future>(self, future: F) -> Enforced<F> {
        Enforced::new(self, future)
    }

    /// Ends when the deadline has passed; [`Deadline::NEVER`] does not.
    ///
    /// Cancel safe: nothing is held.
    ///
    /// # Panics
    /// Outside a tokio runtime with its time driver, unless it is [`Deadline::NEVER`].
    pub async fn expired(self) {
        match self.0 {
            Some(at) => sleep_until(at).await,
            None => future::pending().await,
        }
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::NEVER
    }
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Self {
        Self::at(at)
    }
}

impl Ord for Deadline {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Some(one), Some(two)) => one.cmp(&two),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

impl PartialOrd for Deadline {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("Deadline::NEVER"),
            Some(at) => match at.checked_duration_since(Instant::now()) {
                Some(left) => write!(f, "Deadline(in {left:?})"),
                None => f.write_str("Deadline(passed)"),
            },
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
