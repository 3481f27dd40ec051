//! The trace that the work at hand belongs to, and how it goes along with work that is started elsewhere.
//!
//! Two things name a trace: the ids that travel between services ([`TraceIds`], W3C's `traceparent`), and the span of
//! `tracing` under which lines of the log stand. Both belong to the running task, so a task that it starts has neither
//! of its own. Scopes, supervisors, pools and [worker pools](crate::queue::WorkerPool) of this crate hand both on; a plain
//! `tokio::spawn` does not:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use plimsoll_task::trace::{TraceContext, TraceIds};
//!
//! let ids = TraceIds { trace: 7, span: 9, flags: 1 };
//! let seen = ids.scope(async {
//!     let ours = TraceContext::current();
//!     tokio::spawn(ours.scope(async { TraceIds::current() })).await
//! });
//! assert_eq!(seen.await.unwrap(), Some(ids));
//! assert_eq!(TraceIds::current(), None);
//! # }
//! ```

use crate::current::{self, Ambient};
use pin_project_lite::pin_project;
use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
    thread::LocalKey,
};
use tracing::{Span, span::Entered as EnteredSpan};

/// The ids of a trace, as W3C Trace Context has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceIds {
    /// The whole trace: 128 bits, not all zero.
    pub trace: u128,
    /// The span at work, the parent of whatever it asks of others: 64 bits, not all zero.
    pub span: u64,
    /// Bit 0: sampled.
    pub flags: u8,
}

thread_local! {
    static CURRENT: Cell<Option<TraceIds>> = const { Cell::new(None) };
}

impl TraceIds {
    /// The ids of the work that is running now; `None` outside of [`scope`](Self::scope) and of whatever hands it on.
    #[inline]
    pub fn current() -> Option<Self> {
        current::current()
    }

    /// Runs `future` as a part of this trace. Cancel safe where `future` is.
    pub const fn scope<F: Future>(self, future: F) -> Scoped<F> {
        Scoped::new(Some(self), future)
    }

    /// Calls `work` as a part of this trace.
    #[inline]
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        let _entered = EnteredIds::new(Some(self));
        work()
    }
}

impl Ambient for Option<TraceIds> {
    #[inline]
    fn cell() -> &'static LocalKey<Cell<Self>> {
        &CURRENT
    }

    /// The innermost ids.
    #[inline]
    fn within(self, outer: Self) -> Self {
        self.or(outer)
    }
}

/// A future that is a part of a trace, as [`TraceIds::scope`] makes it.
pub type Scoped<F> = current::Scoped<Option<TraceIds>, F>;

/// A guard of trace ids.
type EnteredIds = current::Entered<Option<TraceIds>>;

/// Ids and span of the work at hand, to be handed on. One word where there is neither.
#[derive(Clone, Debug, Default)]
pub struct TraceContext(Option<Box<Carried>>);

#[derive(Clone, Debug)]
struct Carried {
    ids: Option<TraceIds>,
    span: Span,
}

impl TraceContext {
    /// Returns the context of the running work. Allocates unless it is empty.
    pub fn current() -> Self {
        let (ids, span) = (TraceIds::current(), Span::current());
        let any = ids.is_some() || !span.is_none();
        Self(any.then(|| Box::new(Carried { ids, span })))
    }

    /// Runs `future` under it. Cancel safe where `future` is.
    pub const fn scope<F: Future>(self, future: F) -> InContext<F> {
        InContext { context: self, future }
    }

    /// Calls `work` under it.
    pub fn sync_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }

    /// Holds on this thread until the guard is dropped.
    #[inline]
    pub(crate) fn enter(&self) -> Option<Entered<'_>> {
        let carried = self.0.as_deref()?;
        Some(Entered { _ids: EnteredIds::new(carried.ids), _span: carried.span.enter() })
    }
}

/// A guard of [`TraceContext::enter`].
pub(crate) struct Entered<'a> {
    _ids: EnteredIds,
    _span: EnteredSpan<'a>,
}

pin_project! {
    /// A future under ids and span, as [`TraceContext::scope`] makes it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<F> {
        context: TraceContext,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.context.enter();
        this.future.poll(cx)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
