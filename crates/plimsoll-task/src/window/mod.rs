//! A stream of jobs with a limit of how many are in flight.
//!
//! A job is a future; the source is a stream of them, polled for the next one only when there is room: a job that is
//! not begun is not even made. Finished jobs that wait for an earlier one ([`Window::ordered`]) count as in flight, so
//! memory is bounded by the window whatever the jobs take. Panics are errors of their job ([`Error::Panicked`]).
//!
//! | | on an error | results |
//! | --- | --- | --- |
//! | [`Window::stream`] | goes on | one by one, with flat memory |
//! | [`Window::collect`] | goes on | all |
//! | [`Window::try_collect`] | drops the jobs in flight, polls for no more | all values, or the first error |
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use plimsoll_task::window::{Window, jobs};
//!
//! # async fn size_of(page: &str) -> Result<usize, std::io::Error> { Ok(page.len()) }
//! let pages = ["a", "bc", "def"];
//! let sizes = Window::new(2).ordered().try_collect(jobs(pages, size_of)).await?;
//! assert_eq!(sizes, [1, 2, 3]);
//! # Ok::<(), plimsoll_task::scope::Error<std::io::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Jobs run in turns within the task that polls, so they may borrow, and are gone at once when the window is dropped.
//! To run them in parallel, let each job be a child of a scope; it is spawned when the window has room for it:
//!
//! ```
//! # tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap().block_on(async {
//! use plimsoll_task::{scope::{Scope, scope}, window::{Window, jobs}};
//!
//! let squares = scope(async |s: Scope<std::io::Error>| {
//!     let children = jobs(1..=4_u64, |n| s.spawn(async move { Ok(n * n) }));
//!     Ok(Window::new(2).ordered().try_collect(children).await.unwrap_or_default())
//! });
//! assert_eq!(squares.await.unwrap(), [1, 4, 9, 16]);
//! # });
//! ```
//!
//! Compared with `buffered` and `buffer_unordered` of futures: the same discipline, with panics and errors told apart
//! from one another, and one word to choose the order.

mod running;

pub use crate::scope::Error;
pub use running::Running;

use futures_core::Stream;
use futures_util::{StreamExt, pin_mut, stream};

/// The number of jobs in flight, and the order of their results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Window {
    size: usize,
    ordered: bool,
}

impl Window {
    /// Creates a window of at most `size` jobs in flight (zero counts as one), with results as they come.
    pub const fn new(size: usize) -> Self {
        Self { size: if size == 0 { 1 } else { size }, ordered: false }
    }

    /// Returns results in the order of the jobs. A slow job holds up the results after it, and in time the source.
    pub const fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// Returns results one by one: nothing is polled, and no job made, except when this stream is polled.
    ///
    /// Dropped, it drops the source and what is in flight.
    ///
    /// # Panics
    /// With a panic of the source itself.
    pub fn stream<S, T, E>(self, jobs: S) -> Running<S, S::Item>
    where
        S: Stream<Item: Future<Output = Result<T, E>>>,
    {
        Running::new(self.size, self.ordered, jobs)
    }

    /// Returns all results, good and bad.
    ///
    /// The results are held in memory: for an endless source use [`Window::stream`]. Cancel safe in the sense that
    /// nothing goes on when it is dropped; the results so far are lost.
    pub async fn collect<S, T, E>(self, jobs: S) -> Vec<Result<T, Error<E>>>
    where
        S: Stream<Item: Future<Output = Result<T, E>>>,
    {
        self.stream(jobs).collect().await
    }

    /// Returns all values, or the first error; the other jobs in flight are dropped at that moment.
    ///
    /// The first in time, and with [`Window::ordered`] the first in order. Memory and cancel safety as in
    /// [`Window::collect`].
    ///
    /// # Errors
    /// [`Error::Failed`] and [`Error::Panicked`].
    pub async fn try_collect<S, T, E>(self, jobs: S) -> Result<Vec<T>, Error<E>>
    where
        S: Stream<Item: Future<Output = Result<T, E>>>,
    {
        let results = self.stream(jobs);
        pin_mut!(results);
        let mut values = Vec::new();
        while let Some(result) = results.next().await {
            values.push(result?);
        }
        Ok(values)
    }
}

/// Makes a source of jobs: `job` makes a future of each item when the window has room for it.
pub fn jobs<I, F, Fut>(items: I, job: F) -> impl Stream<Item = Fut>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
{
    stream::iter(items).map(job)
}

#[cfg(all(test, not(loom)))]
mod tests;
