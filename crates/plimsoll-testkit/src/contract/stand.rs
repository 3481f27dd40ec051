//! A layer around a scripted service, and calls that are driven by hand.

use super::Inner;
use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tower_service::Service;

/// A call in hand.
pub(super) type Flying<S> = Pin<Box<<S as Service<u32>>::Future>>;

/// Polls once.
pub(super) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Readies, and calls.
pub(super) fn begin<S>(service: &mut S) -> Flying<S>
where
    S: Service<u32>,
    S::Error: Debug,
{
    assert!(is_ready(service), "the inner service is ready, so this one must be");
    Box::pin(service.call(1))
}

pub(super) fn is_ready<S>(service: &mut S) -> bool
where
    S: Service<u32>,
    S::Error: Debug,
{
    match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => true,
        Poll::Ready(Err(error)) => panic!("a ready service said: {error:?}"),
        Poll::Pending => false,
    }
}

/// Begins calls until `tries` of them have been polled once, and counts how many reached the inner service.
pub(super) fn admitted<S>(service: &mut S, inner: &Inner, tries: usize) -> (usize, Vec<Flying<S>>)
where
    S: Service<u32>,
    S::Error: Debug,
{
    let before = inner.record().calls;
    let calls = (0..tries).map(|_| {
        let mut call = begin(service);
        let _under_way_or_refused = poll(call.as_mut());
        call
    });
    let calls = calls.collect();
    (inner.record().calls - before, calls)
}

/// Runs what panics, without a word on the standard error stream being held against it.
pub(super) fn caught(run: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}
