use super::register::{ChildSlot, Register};
use crate::Deadline;
use std::{cell::Cell, sync::Arc};
use tokio::{runtime::Handle, task::AbortHandle};
use tokio_util::sync::CancellationToken;

/// The part of a scope that does not depend on its error type.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) register: Register<AbortHandle>,
    pub(super) token: CancellationToken,
    pub(super) deadline: Deadline,
    pub(super) runtime: Handle,
    /// The enclosing scope. It counts this one as alive until the last child is gone, so children that are left when this
    /// scope's future is dropped are still waited for there.
    pub(super) outer: Option<Arc<Self>>,
}

impl Core {
    /// Removes the body or an inner scope.
    pub(super) fn leave_inner(&self) {
        if self.register.leave_inner() {
            self.over();
        }
    }

    /// Removes a child.
    pub(super) fn leave(&self, slot: ChildSlot, finished: bool) {
        if self.register.leave(slot, finished) {
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

    /// Cancels the scope's token, and drops each child at its next await.
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

/// Returns the scope in which this thread is working.
pub(super) fn current() -> Option<Arc<Core>> {
    let access = CURRENT.try_with(|cell| {
        let core = cell.take();
        let found = core.clone();
        cell.set(core);
        found
    });
    access.ok().flatten()
}

/// A guard that makes a scope the current one of this thread. The handle is lent, not cloned: a poll touches no counter.
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
