use super::{
    error::{AggregateError, Error},
    handle::Scope,
    run::{Ending, drive},
};
use crate::Deadline;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How a scope runs. [`scope`](super::scope) and [`scope_all`](super::scope_all) take it as it is by default.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(super) grace: Duration,
    pub(super) deadline: Deadline,
    pub(super) token: Option<CancellationToken>,
    pub(super) limit: usize,
    pub(super) keep: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { grace: Duration::ZERO, deadline: Deadline::NEVER, token: None, limit: 65_536, keep: 64 }
    }
}

impl Options {
    /// No grace, no deadline of its own, at most 65,536 children at once, 64 errors kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long children, and the body, may go on after the cancellation before they are dropped at their next await.
    /// Zero by default, as whatever is dropped elsewhere in Rust; more for those that watch the token. The deadline of
    /// the scope cuts it short.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The scope is cancelled, without grace, when this has passed. The deadline around it holds in any case.
    pub const fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// The scope is cancelled when this is, as well as when a scope around it is.
    pub fn token(mut self, token: CancellationToken) -> Self {
        self.token = Some(token);
        self
    }

    /// At most so many children alive at once.
    pub const fn limit(mut self, children: usize) -> Self {
        self.limit = children;
        self
    }

    /// At most so many errors kept by [`Options::run_all`], the rest counted. At least one.
    pub const fn keep(mut self, errors: usize) -> Self {
        self.keep = errors;
        self
    }

    /// Runs `body` and all children to their end; the first error cancels the rest. See [`scope`](super::scope).
    ///
    /// Cancel safe in the sense of the [module](super): dropped, it drops the body and aborts all children.
    ///
    /// # Errors
    /// The first error, or [`Error::Cancelled`] and [`Error::DeadlineExceeded`] if without any error something was
    /// dropped before its end. Nothing is an error that was done in time, be it in the grace.
    ///
    /// # Panics
    /// With the body's own panic, once all children are gone; and outside a tokio runtime (one with its time driver,
    /// where there is a grace or a deadline).
    pub async fn run<T, E, F, Fut>(self, body: F) -> Result<T, Error<E>>
    where
        F: FnOnce(Scope<E>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Send + 'static,
    {
        let Ending { value, interrupted, failures } = drive(self, true, body).await;
        match (failures.errors.into_iter().next().or(interrupted), value) {
            (None, Some(value)) => Ok(value),
            (error, _) => Err(error.unwrap_or(Error::Cancelled)),
        }
    }

    /// Runs `body` and all children to their end, whatever goes wrong. See [`scope_all`](super::scope_all).
    ///
    /// Cancel safe in the sense of the [module](super): dropped, it drops the body and aborts all children.
    ///
    /// # Errors
    /// All errors, as in [`Options::run`].
    ///
    /// # Panics
    /// As [`Options::run`] does.
    pub async fn run_all<T, E, F, Fut>(self, body: F) -> Result<T, AggregateError<E>>
    where
        F: FnOnce(Scope<E>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Send + 'static,
    {
        let Ending { value, interrupted, mut failures } = drive(self, false, body).await;
        failures.errors.extend(interrupted);
        match value {
            Some(value) if failures.errors.is_empty() => Ok(value),
            _ => Err(failures),
        }
    }
}
