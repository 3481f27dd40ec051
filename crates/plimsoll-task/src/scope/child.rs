use super::{error::ChildError, register::ChildSlot};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::JoinHandle;

/// A handle to a child's value. Dropped, it changes nothing: the child runs on, and the scope waits for it.
///
/// Cancel safe: the value stays until it is taken. A value that nobody takes is dropped with the task, which may be a
/// moment after the scope has ended.
#[derive(Debug)]
pub struct Child<T> {
    /// None: it was never begun.
    pub(super) task: Option<(ChildSlot, JoinHandle<Result<T, ChildError>>)>,
}

impl<T> Child<T> {
    /// Returns whether it has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(|(_, task)| task.is_finished())
    }
}

impl<T> Future for Child<T> {
    type Output = Result<T, ChildError>;

    /// # Panics
    /// When polled again after it has ended.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((_, task)) = &mut self.task else { return Poll::Ready(Err(ChildError::Cancelled)) };
        // Tokio's own error is left for a task that was aborted: panics are caught inside.
        Poll::Ready(ready!(Pin::new(task).poll(cx)).unwrap_or(Err(ChildError::Cancelled)))
    }
}
