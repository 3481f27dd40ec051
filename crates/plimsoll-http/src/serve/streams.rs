//! The tasks of a connection's HTTP/2 streams, which tell how long each stream is open.
//!
//! A stream that becomes something else (RFC 8441) outlives its answer: hyper hands its writing half to a task, which ends
//! with the stream.

use super::pulse::{Pulse, Stream};
use hyper::rt::Executor;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Runs them.
#[derive(Clone, Debug)]
pub(super) struct Streams(Arc<Pulse>);

impl Streams {
    pub(super) fn of(pulse: &Arc<Pulse>) -> Self {
        Self(Arc::clone(pulse))
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        tokio::spawn(Open { task, _stream: self.0.stream() });
    }
}

pin_project! {
    struct Open<F> {
        #[pin]
        task: F,
        _stream: Stream,
    }
}

impl<F: Future> Future for Open<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().task.poll(cx)
    }
}
