use super::{ArrivalLimits, BodyError};
use crate::Problem;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};
use tokio::time::{Instant, Sleep, sleep_until};

/// The limit that a body exceeded, if any; shared with the response's future.
#[derive(Debug, Default)]
pub(crate) struct ExceededLimit(AtomicU8);

const TOO_LARGE: u8 = 1;
const TOO_SLOW: u8 = 2;

impl ExceededLimit {
    fn set(&self, limit: u8) {
        self.0.store(limit, Relaxed);
    }

    /// Returns the problem of a body that was cut off.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let error: BodyError<std::convert::Infallible> = match self.0.load(Relaxed) {
            TOO_LARGE => BodyError::TooLarge,
            TOO_SLOW => BodyError::TooSlow,
            _ => return None,
        };
        error.problem()
    }
}

pin_project! {
    /// A body within limits. See the [module](super).
    pub struct LimitedBody<B> {
        #[pin]
        inner: B,
        left: u64,
        arrival: Option<ArrivalState>,
        #[pin]
        timer: Option<Sleep>,
        over: bool,
    }
}

/// The state of a body that is still to arrive.
struct ArrivalState {
    limits: ArrivalLimits,
    started: Instant,
    last_arrival: Instant,
    exceeded: Arc<ExceededLimit>,
}

impl ArrivalState {
    /// Returns the instant at which a limit runs out if nothing more arrives.
    fn ends(&self) -> Option<Instant> {
        let idle = self.limits.idle.and_then(|idle| self.last_arrival.checked_add(idle));
        let total = self.limits.total.and_then(|total| self.started.checked_add(total));
        match (idle, total) {
            (Some(idle), Some(total)) => Some(idle.min(total)),
            (one, other) => one.or(other),
        }
    }
}

impl<B> LimitedBody<B> {
    /// Creates an empty body, which has no limits.
    pub(super) const fn empty(inner: B) -> Self {
        Self { inner, left: u64::MAX, arrival: None, timer: None, over: false }
    }

    pub(crate) fn new(inner: B, limits: ArrivalLimits, exceeded: Arc<ExceededLimit>) -> Self {
        let started = Instant::now();
        let arrival = ArrivalState { limits, started, last_arrival: started, exceeded };
        Self {
            inner,
            left: limits.size.unwrap_or(u64::MAX),
            arrival: Some(arrival),
            timer: None,
            over: false,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for LimitedBody<B> {
    type Data = Bytes;
    type Error = BodyError<B::Error>;

    /// # Panics
    /// Where it has to wait outside a tokio runtime with its time driver.
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        if *this.over {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = this.inner.poll_frame(cx) else {
            let Some(arrival) = this.arrival else { return Poll::Pending };
            ready!(poll_late(arrival, this.timer.as_mut(), cx));
            *this.over = true;
            arrival.exceeded.set(TOO_SLOW);
            return Poll::Ready(Some(Err(BodyError::TooSlow)));
        };
        let Some(frame) = frame else { return Poll::Ready(None) };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Poll::Ready(Some(Err(BodyError::Inner(error)))),
        };
        if let Some(arrival) = this.arrival {
            arrival.last_arrival = Instant::now();
            let more = frame.data_ref().map_or(0, |data| data.remaining() as u64);
            let Some(left) = this.left.checked_sub(more) else {
                *this.over = true;
                arrival.exceeded.set(TOO_LARGE);
                return Poll::Ready(Some(Err(BodyError::TooLarge)));
            };
            *this.left = left;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Polls until a limit runs out. The timer is not moved for each piece: when it fires early, it is set again.
fn poll_late(arrival: &ArrivalState, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(ends) = arrival.ends() else { return Poll::Pending };
    if timer.is_none() {
        timer.set(Some(sleep_until(ends)));
    }
    let Some(mut timer) = timer.as_pin_mut() else { return Poll::Pending };
    loop {
        ready!(timer.as_mut().poll(cx));
        if Instant::now() >= ends {
            return Poll::Ready(());
        }
        timer.as_mut().reset(ends);
    }
}

impl<B> fmt::Debug for LimitedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedBody")
            .field("left", &self.left)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
