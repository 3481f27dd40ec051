use super::{child::Child, core::Core, error::Error, job::Job, register::EnterError, tally::Tally};
use crate::Deadline;
use std::{fmt, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The way into a scope, for its body and its children. Clones are the same scope.
///
/// One that is kept beyond the end of the scope is of no harm: nothing can be spawned by it.
pub struct Scope<E> {
    pub(super) core: Arc<Core>,
    pub(super) tally: Arc<Tally<E>>,
}

impl<E: Send + 'static> Scope<E> {
    /// Starts a child: a task of the runtime, under the earlier of the caller's deadline and the scope's, in the caller's
    /// trace.
    ///
    /// Once the scope is over or its children are being dropped, the future is dropped unbegun and the child ends as
    /// [`ChildError::Cancelled`](super::ChildError::Cancelled). Where as many children are alive as
    /// [`Options::limit`](super::Options::limit) allows, the same happens and the scope fails with [`Error::Full`]: work
    /// is never lost in silence.
    pub fn spawn<F, T>(&self, future: F) -> Child<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        let slot = match self.core.register.enter() {
            Ok(slot) => slot,
            Err(reason) => {
                if reason == EnterError::Full {
                    self.fail(Error::Full);
                }
                return Child { task: None };
            }
        };
        let deadline = self.core.deadline.earliest(Deadline::current());
        let job = Job::new(future, slot, deadline, Arc::clone(&self.core), Arc::clone(&self.tally));
        // Should the runtime be shutting down, the job is dropped in here, and has left again.
        let task = self.core.runtime.spawn(job);
        if let Some(handle) = self.core.register.reachable(slot, task.abort_handle()) {
            handle.abort();
        }
        Child { task: Some((slot, task)) }
    }

    fn fail(&self, error: Error<E>) {
        self.tally.add(error);
        if self.tally.first_ends {
            self.core.token.cancel();
        }
    }
}

impl<E> Scope<E> {
    /// Drops one child at its next await. That it did not finish is no failure of the scope.
    pub fn abort<T>(&self, child: &Child<T>) {
        let Some((slot, _)) = child.task else { return };
        if let Some(handle) = self.core.register.dismiss(slot) {
            handle.abort();
        }
    }

    /// Cancels the scope: its token now, what does not end within the grace is dropped.
    pub fn cancel(&self) {
        self.core.token.cancel();
    }

    /// Cancelled when the scope is, when a scope around it is, and when it has ended. For children that want to end in
    /// order within the grace, and for threads.
    pub fn token(&self) -> &CancellationToken {
        &self.core.token
    }

    /// The deadline of the scope.
    pub fn deadline(&self) -> Deadline {
        self.core.deadline
    }

    /// Children that are alive now, those of scopes inside not counted.
    pub fn live(&self) -> usize {
        self.core.register.children()
    }
}

impl<E> Clone for Scope<E> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), tally: Arc::clone(&self.tally) }
    }
}

impl<E> fmt::Debug for Scope<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("live", &self.live())
            .field("cancelled", &self.core.token.is_cancelled())
            .finish_non_exhaustive()
    }
}
