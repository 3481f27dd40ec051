//! What a connection is doing, and since when: kept by its requests and its reads, looked at by its task.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};
use tokio::time::Instant;

/// No time: milliseconds are counted from 1.
const NONE: u64 = 0;

/// One connection's state. Times are milliseconds since it began.
#[derive(Debug)]
pub(super) struct Pulse {
    began: Instant,
    /// Requests whose answers have not ended.
    busy: AtomicU32,
    /// Streams of HTTP/2 that are open. Those beyond `busy` have become something else: their answers have ended.
    streams: AtomicU32,
    /// When one of those last carried something.
    carried: AtomicU64,
    /// Since when there is none.
    rests: AtomicU64,
    /// When the first byte came that belongs to no request yet.
    head: AtomicU64,
    asked: AtomicBool,
    /// It speaks another protocol from now on.
    switched: AtomicBool,
    /// Frames that open no request come at any time: bytes say nothing of a head under way.
    multiplexed: AtomicBool,
}

/// What is to be done with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing, before this time.
    Wait(Instant),
    /// It has been without a request for too long.
    Idle,
    /// A head is taking too long.
    SlowHead,
    /// Its client has taken nothing for too long of what is there for it.
    Stuck,
}

/// A connection's limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) head: Option<Duration>,
    pub(super) idle: Option<Duration>,
    /// For streams that have become something else to carry nothing.
    pub(super) upgraded: Option<Duration>,
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Arc<Self> {
        Arc::new(Self {
            began: now,
            busy: AtomicU32::new(0),
            streams: AtomicU32::new(0),
            carried: AtomicU64::new(NONE),
            rests: AtomicU64::new(1),
            head: AtomicU64::new(NONE),
            asked: AtomicBool::new(false),
            switched: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
        })
    }

    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_millis() as u64 + 1
    }

    /// Bytes have come.
    pub(super) fn heard(&self, now: Instant) {
        if self.busy.load(Relaxed) == 0 && self.head.load(Relaxed) == NONE {
            self.head.store(self.millis(now), Relaxed);
        }
    }

    /// A request has begun: its head is there.
    pub(super) fn begin(self: &Arc<Self>, multiplexed: bool) -> Beat {
        self.busy.fetch_add(1, Relaxed);
        self.head.store(NONE, Relaxed);
        self.asked.store(true, Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Relaxed);
        }
        Beat(Arc::clone(self))
    }

    /// The answer that comes now switches protocols.
    pub(super) fn switch(&self) {
        self.switched.store(true, Release);
    }

    pub(super) fn has_switched(&self) -> bool {
        self.switched.load(Acquire)
    }

    /// A stream has been opened.
    pub(super) fn stream(self: &Arc<Self>) -> Stream {
        self.streams.fetch_add(1, Relaxed);
        Stream(Arc::clone(self))
    }

    /// A stream becomes something else, or has carried something as such.
    pub(super) fn carries(&self, now: Instant) {
        self.carried.store(self.millis(now), Relaxed);
    }

    /// Whether streams have become something else, and are all that there is.
    pub(super) fn is_tunnel(&self) -> bool {
        self.carried.load(Relaxed) != NONE && self.streams.load(Acquire) > 0 && !self.is_busy()
    }

    fn end(&self) {
        self.rests.store(self.millis(Instant::now()), Relaxed);
        // Whoever sees that there is none left also sees since when.
        self.busy.fetch_sub(1, Release);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Acquire) > 0
    }

    /// What is to be done at `now`; `None` where there is nothing to wait for.
    pub(super) fn judge(&self, now: Instant, patience: Patience) -> Option<Verdict> {
        let shortest = [patience.head, patience.idle, patience.upgraded].into_iter().flatten().min()?;
        if self.is_busy() {
            return Some(Verdict::Wait(now + shortest));
        }
        if self.is_tunnel() {
            let limit = patience.upgraded;
            // A request beside it that has just ended has carried something, too.
            let last = self.carried.load(Relaxed).max(self.rests.load(Relaxed));
            let carried = self.began + Duration::from_millis(last - 1);
            return Some(match limit.map(|limit| carried + limit) {
                Some(ends) if now >= ends => Verdict::Idle,
                Some(ends) => Verdict::Wait(ends.min(now + shortest)),
                None => Verdict::Wait(now + shortest),
            });
        }
        let head = self.head.load(Relaxed);
        let reads_head = head != NONE && !self.multiplexed.load(Relaxed);
        let (since, limit, verdict) = if !self.asked.load(Relaxed) {
            (1, patience.head.or(patience.idle)?, Verdict::SlowHead)
        } else if let (true, Some(limit)) = (reads_head, patience.head) {
            (head, limit, Verdict::SlowHead)
        } else if let Some(limit) = patience.idle {
            (self.rests.load(Relaxed), limit, Verdict::Idle)
        } else {
            return Some(Verdict::Wait(now + shortest));
        };
        let ends = self.began + Duration::from_millis(since - 1) + limit;
        // A head may begin meanwhile, which has less time than the rest that it ends.
        Some(if now >= ends { verdict } else { Verdict::Wait(ends.min(now + shortest)) })
    }
}

/// A request's part in its connection, until its answer has ended or is dropped.
#[derive(Debug)]
pub(super) struct Beat(Arc<Pulse>);

impl Beat {
    /// The connection that it is part of.
    pub(super) fn pulse(&self) -> &Pulse {
        &self.0
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A stream's part in its connection, until it is closed.
#[derive(Debug)]
pub(super) struct Stream(Arc<Pulse>);

impl Drop for Stream {
    fn drop(&mut self) {
        if self.0.streams.fetch_sub(1, Release) == 1 {
            self.0.rests.store(self.0.millis(Instant::now()), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { head: Some(Duration::from_secs(10)), idle: Some(Duration::from_secs(60)), upgraded: None };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_asks_is_a_slow_head() {
        let began = Instant::now();
        let pulse = Pulse::new(began);
        assert_eq!(pulse.judge(began, PATIENCE), Some(Verdict::Wait(began + seconds(10))));
        pulse.heard(began + seconds(9));
        assert_eq!(pulse.judge(began + seconds(10), PATIENCE), Some(Verdict::SlowHead));
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_connection_may_rest_but_not_dawdle() {
        let pulse = Pulse::new(Instant::now());
        tokio::time::advance(seconds(5)).await;
        let beat = pulse.begin(false);
        tokio::time::advance(seconds(500)).await;
        assert!(
            matches!(pulse.judge(Instant::now(), PATIENCE), Some(Verdict::Wait(_))),
            "busy for as long as it takes"
        );
        drop(beat);
        let rests = Instant::now();
        assert!(matches!(pulse.judge(rests + seconds(59), PATIENCE), Some(Verdict::Wait(_))));
        assert_eq!(pulse.judge(rests + seconds(60), PATIENCE), Some(Verdict::Idle));
        pulse.heard(rests + seconds(30));
        assert!(matches!(pulse.judge(rests + seconds(39), PATIENCE), Some(Verdict::Wait(_))));
        assert_eq!(pulse.judge(rests + seconds(40), PATIENCE), Some(Verdict::SlowHead));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_between_requests_are_no_head() {
        let pulse = Pulse::new(Instant::now());
        drop(pulse.begin(true));
        let rests = Instant::now();
        pulse.heard(rests);
        assert!(matches!(pulse.judge(rests + seconds(59), PATIENCE), Some(Verdict::Wait(_))));
        assert_eq!(pulse.judge(rests + seconds(60), PATIENCE), Some(Verdict::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_has_become_something_else_may_rest_as_long_as_such_a_connection() {
        let patience = Patience { upgraded: Some(seconds(300)), ..PATIENCE };
        let pulse = Pulse::new(Instant::now());
        let (stream, beat) = (pulse.stream(), pulse.begin(true));
        assert!(!pulse.is_tunnel(), "its answer may still be one like any other");
        pulse.carries(Instant::now());
        drop(beat);
        let began = Instant::now();
        assert!(pulse.is_tunnel());
        assert!(matches!(pulse.judge(began + seconds(299), patience), Some(Verdict::Wait(_))));
        assert_eq!(pulse.judge(began + seconds(300), patience), Some(Verdict::Idle));
        pulse.carries(began + seconds(200));
        assert!(matches!(pulse.judge(began + seconds(499), patience), Some(Verdict::Wait(_))));
        drop(stream);
        assert!(!pulse.is_tunnel());
        assert_eq!(
            pulse.judge(began + seconds(60), patience),
            Some(Verdict::Idle),
            "as any other without a request"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_nothing_is_judged() {
        let pulse = Pulse::new(Instant::now());
        assert_eq!(
            pulse.judge(Instant::now() + seconds(9999), Patience { head: None, idle: None, upgraded: None }),
            None
        );
        let idle_only = Patience { head: None, idle: Some(seconds(3)), upgraded: None };
        drop(pulse.begin(false));
        pulse.heard(Instant::now());
        assert_eq!(pulse.judge(Instant::now() + seconds(3), idle_only), Some(Verdict::Idle));
    }
}
