//! A client that takes nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The time without progress, counted only while the client keeps the answer waiting.
pub(super) struct Stall {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    seen: u64,
}

impl Stall {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, sleep: None, seen: 0 }
    }

    /// Ready once `written` has stayed the same for the limit. To be called whenever a write has to wait.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, written: u64) -> Poll<()> {
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if written != self.seen {
                    sleep.as_mut().reset(Instant::now() + self.limit);
                }
                sleep
            }
            empty => empty.insert(Box::pin(tokio::time::sleep(self.limit))),
        };
        self.seen = written;
        sleep.as_mut().poll(cx)
    }
}
