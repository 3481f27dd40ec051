use super::register::{Register, Seat};
use crate::Deadline;
use std::{cell::Cell, sync::Arc};
use tokio::{runtime::Handle, task::AbortHandle};
use tokio_util::sync::CancellationToken;

/// What a scope is, whatever the type of its errors.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) register: Register<AbortHandle>,
    pub(super) token: CancellationToken,
    pub(super) deadline: Deadline,
    pub(super) runtime: Handle,
    /// The scope around this one. It counts this one as alive until the last child is gone, so whoever is left when this
    /// scope's future is dropped is still waited for there.
    pub(super) outer: Option<Arc<Self>>,
}

impl Core {
    /// The body, or a scope inside, is gone.
    pub(super) fn leave_inner(&self) {
        if self.register.leave_inner() {
            self.over();
        }
    }

    /// A child is gone.
    pub(super) fn leave(&self, seat: Seat, finished: bool) {
        if self.register.leave(seat, finished) {
            self.over();
        }
    }

    // A loop, not a recursion: scopes can be nested deeper than a stack is.
    fn over(&self) {
        let mut outer = self.outer.as_ref();
        while let Some(core) = outer {
            outer = if core.register.leave_inner() { core.outer.as_ref() } else { None };
        }
    }

    /// Cancels all below, and drops each child at its next await.
    pub(super) fn abort(&self) {
        self.token.cancel();
        for handle in self.register.stop() {
            handle.abort();
        }
    }
}

thread_local! {
    static CURRENT: Cell<Option<Arc<Core>>> = const { Cell::new(None) };
}

/// The scope in which this thread is working.
pub(super) fn current() -> Option<Arc<Core>> {
    let access = CURRENT.try_with(|cell| {
        let core = cell.take();
        let found = core.clone();
        cell.set(core);
        found
    });
    access.ok().flatten()
}

/// This thread works in a scope until this is dropped. The handle is lent, not cloned: a poll touches no counter.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    lent: &'a mut Option<Arc<Core>>,
    before: Option<Arc<Core>>,
}

impl<'a> Inside<'a> {
    #[inline]
    pub(super) fn new(lent: &'a mut Option<Arc<Core>>) -> Self {
        let before = CURRENT.try_with(|cell| cell.replace(lent.take())).ok().flatten();
        Self { lent, before }
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        let before = self.before.take();
        *self.lent = CURRENT.try_with(|cell| cell.replace(before)).ok().flatten();
    }
}
