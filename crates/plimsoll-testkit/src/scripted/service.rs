use super::{
    Record, ScriptedFuture, Step,
    state::{Shared, State, lock},
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service that does as told, call by call. Clones share script and record; each is to be readied by itself.
///
/// ```
/// # use plimsoll_testkit::{BrokenError, Scripted, Step};
/// # use tower_service::Service;
/// # use std::future::poll_fn;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let mut inner = Scripted::new(|at, request: &u32| match at {
///     0 => Step::Now(Err(BrokenError(7))),
///     _ => Step::Now(Ok(request + 1)),
/// });
/// poll_fn(|cx| inner.poll_ready(cx)).await.unwrap();
/// assert_eq!(inner.call(1).await, Err(BrokenError(7)));
/// poll_fn(|cx| inner.poll_ready(cx)).await.unwrap();
/// assert_eq!(inner.call(1).await, Ok(2));
/// assert_eq!((inner.record().calls, inner.record().unready_calls), (2, 0));
/// # }
/// ```
pub struct Scripted<Req, Res, E> {
    shared: Arc<Shared<Req, Res, E>>,
    readied: bool,
}

impl<Req, Res, E> Scripted<Req, Res, E> {
    /// A service whose calls, numbered from 0, do what `script` says of them.
    pub fn new(script: impl FnMut(usize, &Req) -> Step<Res, E> + Send + 'static) -> Self {
        let state = State {
            script: Box::new(script),
            record: Record::default(),
            ready: true,
            released: 0,
            waiting_for_ready: Vec::new(),
            held: HashMap::new(),
        };
        Self { shared: Arc::new(Mutex::new(state)), readied: false }
    }

    /// A service that does the same each time.
    pub fn always(step: Step<Res, E>) -> Self
    where
        Res: Clone + Send + 'static,
        E: Clone + Send + 'static,
    {
        Self::new(move |_, _| step.clone())
    }

    /// Returns the record of its calls.
    pub fn record(&self) -> Record {
        lock(&self.shared).record
    }

    /// Lets every call end that is held now. Calls that come later are held again.
    pub fn release(&self) {
        let mut state = lock(&self.shared);
        state.released = state.record.calls;
        let wakers: Vec<_> = state.held.drain().map(|(_, waker)| waker).collect();
        drop(state);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// Returns whether instances are found ready when asked. They are, until told otherwise.
    pub fn set_ready(&self, ready: bool) {
        let mut state = lock(&self.shared);
        state.ready = ready;
        let wakers = if ready { std::mem::take(&mut state.waiting_for_ready) } else { Vec::new() };
        drop(state);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
}

impl<Req, Res, E> Service<Req> for Scripted<Req, Res, E> {
    type Response = Res;
    type Error = E;
    type Future = ScriptedFuture<Req, Res, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let mut state = lock(&self.shared);
        if !state.ready {
            state.waiting_for_ready.push(cx.waker().clone());
            return Poll::Pending;
        }
        if !self.readied {
            state.record.readied += 1;
            self.readied = true;
        }
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// Where the script says so.
    fn call(&mut self, request: Req) -> Self::Future {
        let (number, step) = {
            let mut state = lock(&self.shared);
            let number = state.record.calls;
            state.record.calls += 1;
            state.record.unready_calls += usize::from(!self.readied);
            (number, (state.script)(number, &request))
        };
        self.readied = false;
        assert!(!matches!(step, Step::PanicInCall), "a scripted panic");
        ScriptedFuture::new(Arc::clone(&self.shared), number, step)
    }
}

impl<Req, Res, E> Clone for Scripted<Req, Res, E> {
    /// An instance that is not ready yet, whatever this one is.
    fn clone(&self) -> Self {
        lock(&self.shared).record.clones += 1;
        Self { shared: Arc::clone(&self.shared), readied: false }
    }
}

impl<Req, Res, E> fmt::Debug for Scripted<Req, Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("readied", &self.readied).finish_non_exhaustive()
    }
}
