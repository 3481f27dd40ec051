//! A future that is seldom ready, beside one that is polled all the time.

use futures_util::task::AtomicWaker;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    task::{Context, Poll, Wake, Waker},
};

pin_project! {
    /// A future that is polled only when it has been woken itself, however often its task is: to look at several tokens and
    /// timers costs more than to read a byte.
    ///
    /// Cancel safe where the inner future is.
    pub(super) struct Rarely<F> {
        #[pin]
        inner: F,
        woken: Arc<Woken>,
        waker: Waker,
        // The task that is woken in turn.
        task: Option<Waker>,
    }
}

struct Woken {
    is: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is.store(true, Release);
        self.task.wake();
    }
}

impl<F> Rarely<F> {
    pub(super) fn new(inner: F) -> Self {
        let woken = Arc::new(Woken { is: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { inner, waker: Waker::from(Arc::clone(&woken)), woken, task: None }
    }
}

impl<F: Future> Future for Rarely<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let known = this.task.as_ref().is_some_and(|task| task.will_wake(cx.waker()));
        if !known {
            this.woken.task.register(cx.waker());
            *this.task = Some(cx.waker().clone());
        }
        // Whoever wakes it from here on finds the task, or is found by it.
        if !this.woken.is.load(Acquire) {
            return Poll::Pending;
        }
        this.woken.is.swap(false, AcqRel);
        this.inner.poll(&mut Context::from_waker(this.waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn it_is_polled_when_it_was_woken_and_not_when_its_task_was() {
        let polls = Arc::new(AtomicU32::new(0));
        let counts = Arc::clone(&polls);
        let (tell, mut told) = oneshot::channel::<()>();
        let mut rarely = Box::pin(Rarely::new(poll_fn(move |cx| {
            counts.fetch_add(1, Relaxed);
            Pin::new(&mut told).poll(cx)
        })));
        for _ in 0..5 {
            let polled = poll_fn(|cx| Poll::Ready(rarely.as_mut().poll(cx).is_ready())).await;
            assert!(!polled);
        }
        assert_eq!(polls.load(Relaxed), 1);
        // The task of now is woken, not the one that polled it first.
        let waits = tokio::spawn(rarely);
        tokio::task::yield_now().await;
        tell.send(()).unwrap();
        waits.await.unwrap().unwrap();
        assert_eq!(polls.load(Relaxed), 2);
    }
}
