use super::Error;
use crate::panic::{Caught, catch};
use futures_core::Stream;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

enum InFlight<F: Future> {
    AsTheyCome(FuturesUnordered<Caught<F>>),
    InOrder(FuturesOrdered<Caught<F>>),
}

impl<F: Future> InFlight<F> {
    /// In order, those that wait for an earlier one are counted, too.
    fn len(&self) -> usize {
        match self {
            Self::AsTheyCome(jobs) => jobs.len(),
            Self::InOrder(jobs) => jobs.len(),
        }
    }

    fn push(&mut self, job: F) {
        match self {
            Self::AsTheyCome(jobs) => jobs.push(catch(job)),
            Self::InOrder(jobs) => jobs.push_back(catch(job)),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<<Caught<F> as Future>::Output>> {
        match self {
            Self::AsTheyCome(jobs) => Pin::new(jobs).poll_next(cx),
            Self::InOrder(jobs) => Pin::new(jobs).poll_next(cx),
        }
    }
}

pin_project! {
    /// The results of a [`Window`](super::Window)'s jobs, as a stream.
    ///
    /// Cancel safe: a result not yet taken stays. Dropped, it drops the source and what is in flight.
    pub struct Running<S, F: Future> {
        #[pin]
        source: Option<S>,
        in_flight: InFlight<F>,
        size: usize,
    }
}

impl<S, F: Future> Running<S, F> {
    pub(super) fn new(size: usize, ordered: bool, source: S) -> Self {
        let in_flight = if ordered {
            InFlight::InOrder(FuturesOrdered::new())
        } else {
            InFlight::AsTheyCome(FuturesUnordered::new())
        };
        Self { source: Some(source), in_flight, size }
    }

    /// Jobs in progress, and results that were not taken.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }
}

impl<S, F, T, E> Stream for Running<S, F>
where
    S: Stream<Item = F>,
    F: Future<Output = Result<T, E>>,
{
    type Item = Result<T, Error<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while this.in_flight.len() < *this.size
            && let Some(source) = this.source.as_mut().as_pin_mut()
        {
            match source.poll_next(cx) {
                Poll::Ready(Some(job)) => this.in_flight.push(job),
                Poll::Ready(None) => this.source.set(None),
                Poll::Pending => break,
            }
        }
        match this.in_flight.poll_next(cx) {
            Poll::Ready(Some(Ok(result))) => Poll::Ready(Some(result.map_err(Error::Failed))),
            Poll::Ready(Some(Err(panicked))) => Poll::Ready(Some(Err(Error::Panicked(panicked)))),
            Poll::Ready(None) if this.source.is_none() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }
}

impl<S, F: Future> fmt::Debug for Running<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("in_flight", &self.in_flight.len())
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
