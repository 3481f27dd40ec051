//! A channel for the latest value, with any number of subscribers.

use super::QueueClosedError;
use crate::measure::Marks;
use parking_lot::Mutex;
use std::{
    fmt, mem,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// Creates a channel for one value that is overwritten, with subscribers: a counting [`tokio::sync::watch`].
///
/// A slow subscriber never slows the publisher, and holds nothing but the present value; values that it missed are counted
/// as skipped. For configuration, membership, prices: where only the latest matters.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), plimsoll_task::queue::QueueClosedError> {
/// use plimsoll_task::queue::latest;
///
/// let (publisher, mut subscriber) = latest("limits", 1);
/// publisher.publish(2);
/// publisher.publish(3);
/// subscriber.changed().await?;
/// assert_eq!(*subscriber.see(), 3);
/// assert_eq!(publisher.stats().skipped, 1);
/// # Ok(()) }
/// ```
pub fn latest<T>(name: &'static str, first: T) -> (Publisher<T>, Subscriber<T>) {
    let (sender, receiver) = watch::channel(Version { number: 0, value: first });
    let core = Arc::new(Core { name, skipped: AtomicU64::new(0), marks: Mutex::default() });
    let subscriber = Subscriber { core: Arc::clone(&core), inner: receiver, seen: 0 };
    (Publisher { core, inner: sender }, subscriber)
}

#[derive(Debug)]
struct Core {
    name: &'static str,
    skipped: AtomicU64,
    marks: Mutex<Marks>,
}

#[derive(Debug)]
struct Version<T> {
    number: u64,
    value: T,
}

/// A snapshot of a [`latest`] value's channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatestStats {
    /// The name it was given.
    pub name: &'static str,
    /// Values since the first one.
    pub published: u64,
    /// For how long the present value has stood, at least: exact to the time between two looks at these statistics.
    pub age: Duration,
    /// Values that were overwritten before a subscriber saw them, each counted for each subscriber that missed it.
    pub skipped: u64,
    /// The number of subscribers.
    pub subscribers: usize,
}

/// The single publisher, which overwrites the value.
pub struct Publisher<T> {
    core: Arc<Core>,
    inner: watch::Sender<Version<T>>,
}

impl<T> Publisher<T> {
    /// Overwrites the value, wakes the subscribers that wait for a change, and returns the former value.
    pub fn publish(&self, value: T) -> T {
        let mut before = None;
        self.inner.send_modify(|version| {
            version.number += 1;
            before = Some(mem::replace(&mut version.value, value));
        });
        before.expect("the closure runs once")
    }

    /// Changes the value in place. No subscriber is woken, and no value counted, if `change` returns false.
    pub fn modify(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        self.inner.send_if_modified(|version| {
            let changed = change(&mut version.value);
            version.number += u64::from(changed);
            changed
        })
    }

    /// Adds a subscriber, which has seen the present value.
    pub fn subscribe(&self) -> Subscriber<T> {
        let inner = self.inner.subscribe();
        let seen = inner.borrow().number;
        Subscriber { core: Arc::clone(&self.core), inner, seen }
    }

    /// Completes when there is no subscriber any more.
    ///
    /// # Cancel safety
    /// Can be dropped at any time.
    pub async fn closed(&self) {
        self.inner.closed().await;
    }

    /// Returns the channel's statistics. Leaves a mark for the age of the value.
    pub fn stats(&self) -> LatestStats {
        self.stats_at(Instant::now())
    }

    fn stats_at(&self, now: Instant) -> LatestStats {
        let published = self.inner.borrow().number;
        let mut marks = self.core.marks.lock();
        // The first value is one more than was published since.
        marks.note(now, published + 1, published);
        LatestStats {
            name: self.core.name,
            published,
            age: marks.age(now, published).unwrap_or_default(),
            skipped: self.core.skipped.load(Relaxed),
            subscribers: self.inner.receiver_count(),
        }
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("name", &self.core.name).finish_non_exhaustive()
    }
}

/// A subscriber to the value. A clone has seen the same values as this one.
pub struct Subscriber<T> {
    core: Arc<Core>,
    inner: watch::Receiver<Version<T>>,
    seen: u64,
}

impl<T> Subscriber<T> {
    /// Waits until there is a value that this subscriber has not [seen](Self::see).
    ///
    /// # Errors
    /// The publisher is gone, and its last value was seen.
    ///
    /// # Cancel safety
    /// If the future is dropped, no value counts as seen.
    pub async fn changed(&mut self) -> Result<(), QueueClosedError> {
        // Tokio would take the change as seen from here on; skipped values are counted where the value is looked at.
        self.inner.changed().await.map_err(|_| QueueClosedError)
    }

    /// Returns the present value, which then counts as seen. The publisher waits while it is borrowed: keep it short, and
    /// do not await meanwhile.
    pub fn see(&mut self) -> Latest<'_, T> {
        let version = self.inner.borrow_and_update();
        let skipped = version.number.wrapping_sub(self.seen).saturating_sub(1);
        self.seen = version.number;
        if skipped > 0 {
            self.core.skipped.fetch_add(skipped, Relaxed);
        }
        Latest(version)
    }

    /// Returns the present value without marking it as seen.
    pub fn peek(&self) -> Latest<'_, T> {
        Latest(self.inner.borrow())
    }
}

impl<T> Clone for Subscriber<T> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), inner: self.inner.clone(), seen: self.seen }
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("name", &self.core.name).finish_non_exhaustive()
    }
}

/// A borrowed value.
pub struct Latest<'a, T>(watch::Ref<'a, Version<T>>);

impl<T> Deref for Latest<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Latest<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test]
    async fn only_the_latest_is_seen_and_the_others_are_counted() {
        let (publisher, mut quick) = latest("numbers", 0);
        let mut slow = quick.clone();
        for value in 1..=5 {
            assert_eq!(publisher.publish(value), value - 1);
            quick.changed().await.unwrap();
            assert_eq!(*quick.see(), value);
        }
        assert_eq!(publisher.stats().skipped, 0);
        slow.changed().await.unwrap();
        assert_eq!(*slow.peek(), 5);
        assert_eq!(*slow.see(), 5);
        assert_eq!(*slow.see(), 5);
        let stats = publisher.stats();
        assert_eq!((stats.published, stats.skipped, stats.subscribers), (5, 4, 2));
        let mut new = publisher.subscribe();
        assert_eq!(*new.see(), 5);
        assert_eq!(publisher.stats().skipped, 4);
    }

    #[tokio::test]
    async fn a_change_that_is_none_wakes_nobody() {
        let (publisher, subscriber) = latest("limit", 7);
        assert!(!publisher.modify(|_| false));
        assert_eq!(publisher.stats().published, 0);
        assert!(publisher.modify(|limit| mem::replace(limit, 8) != 8));
        assert_eq!((publisher.stats().published, *subscriber.peek()), (1, 8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_ages_from_the_first_look_on() {
        let (publisher, _subscriber) = latest("aging", 0);
        assert_eq!(publisher.stats().age, Duration::ZERO);
        advance(Duration::from_secs(3)).await;
        assert_eq!(publisher.stats().age, Duration::from_secs(3));
        publisher.publish(1);
        assert_eq!(publisher.stats().age, Duration::ZERO);
    }

    #[tokio::test]
    async fn the_last_value_is_seen_and_then_the_end() {
        let (publisher, mut subscriber) = latest("ending", 0);
        publisher.publish(1);
        drop(publisher);
        subscriber.changed().await.unwrap();
        assert_eq!(*subscriber.see(), 1);
        assert_eq!(subscriber.changed().await, Err(QueueClosedError));
        let (publisher, subscriber) = latest("left", 0);
        drop(subscriber);
        publisher.closed().await;
    }
}
