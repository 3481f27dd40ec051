//! Detection of a client that does not read, or reads too slowly.

use crate::pace::Pace;
use std::{
    num::NonZeroU64,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// The time that writes have to wait: without progress at a stretch, and in total against the bytes written. No clock is
/// read while no write waits.
pub(super) struct WriteStall {
    limit: Duration,
    pace: Option<Pace>,
    sleep: Option<Pin<Box<Sleep>>>,
    seen: u64,
    /// The start of the current wait that the pace has not counted yet.
    since: Option<Instant>,
}

impl WriteStall {
    pub(super) fn new(limit: Duration, rate: Option<NonZeroU64>) -> Self {
        Self { limit, pace: rate.map(Pace::new), sleep: None, seen: 0, since: None }
    }

    /// Completes once `written` has stayed the same for the limit, or grows too slowly. Call it whenever a write has to
    /// wait.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, written: u64) -> Poll<()> {
        if self.sleep.is_none() || written != self.seen {
            let now = Instant::now();
            let mut limit = self.limit;
            if let Some(pace) = &mut self.pace {
                if let Some(since) = self.since {
                    pace.waited(now - since);
                }
                pace.moved(written - self.seen);
                limit = limit.min(pace.left());
                self.since = Some(now);
            }
            self.seen = written;
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(now + limit),
                empty => *empty = Some(Box::pin(tokio::time::sleep(limit))),
            }
        }
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }

    /// Ends the current wait: the write has made progress.
    #[inline]
    pub(super) fn over(&mut self) {
        if let (Some(pace), Some(since)) = (&mut self.pace, self.since.take()) {
            pace.waited(since.elapsed());
        }
    }
}
