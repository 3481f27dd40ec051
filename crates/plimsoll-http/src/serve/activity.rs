//! The activity of a connection, and since when: written by its requests and its reads, read by its task.

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
pub(super) struct ConnectionActivity {
    began: Instant,
    /// Requests whose responses have not ended.
    busy: AtomicU32,
    /// Streams of HTTP/2 that are open. Those beyond `busy` have become something else: their responses have ended.
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

/// The decision on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
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
pub(super) struct ConnectionTimes {
    pub(super) head: Option<Duration>,
    pub(super) idle: Option<Duration>,
    /// For streams that have become something else to carry nothing.
    pub(super) upgraded: Option<Duration>,
}

impl ConnectionActivity {
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
    pub(super) fn begin(self: &Arc<Self>, multiplexed: bool) -> ActiveRequest {
        self.busy.fetch_add(1, Relaxed);
        self.head.store(NONE, Relaxed);
        self.asked.store(true, Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Relaxed);
        }
        ActiveRequest(Arc::clone(self))
    }

    /// The response that comes now switches protocols.
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

    /// Returns the decision at `now`; `None` where there is nothing to wait for.
    pub(super) fn decide(&self, now: Instant, times: ConnectionTimes) -> Option<Decision> {
        let shortest = [times.head, times.idle, times.upgraded].into_iter().flatten().min()?;
        if self.is_busy() {
            return Some(Decision::Wait(now + shortest));
        }
        if self.is_tunnel() {
            let limit = times.upgraded;
            // A request beside it that has just ended has carried something, too.
            let last = self.carried.load(Relaxed).max(self.rests.load(Relaxed));
            let carried = self.began + Duration::from_millis(last - 1);
            return Some(match limit.map(|limit| carried + limit) {
                Some(ends) if now >= ends => Decision::Idle,
                Some(ends) => Decision::Wait(ends.min(now + shortest)),
                None => Decision::Wait(now + shortest),
            });
        }
        let head = self.head.load(Relaxed);
        let reads_head = head != NONE && !self.multiplexed.load(Relaxed);
        let (since, limit, verdict) = if !self.asked.load(Relaxed) {
            (1, times.head.or(times.idle)?, Decision::SlowHead)
        } else if let (true, Some(limit)) = (reads_head, times.head) {
            (head, limit, Decision::SlowHead)
        } else if let Some(limit) = times.idle {
            (self.rests.load(Relaxed), limit, Decision::Idle)
        } else {
            return Some(Decision::Wait(now + shortest));
        };
        let ends = self.began + Duration::from_millis(since - 1) + limit;
        // A head may begin meanwhile, which has less time than the rest that it ends.
        Some(if now >= ends { verdict } else { Decision::Wait(ends.min(now + shortest)) })
    }
}

/// A request's part in its connection, until its response has ended or is dropped.
#[derive(Debug)]
pub(super) struct ActiveRequest(Arc<ConnectionActivity>);

impl ActiveRequest {
    /// The connection that it is part of.
    pub(super) fn activity(&self) -> &ConnectionActivity {
        &self.0
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A stream's part in its connection, until it is closed.
#[derive(Debug)]
pub(super) struct Stream(Arc<ConnectionActivity>);

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

    const PATIENCE: ConnectionTimes = ConnectionTimes {
        head: Some(Duration::from_secs(10)),
        idle: Some(Duration::from_secs(60)),
        upgraded: None,
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_asks_is_a_slow_head() {
        let began = Instant::now();
        let activity = ConnectionActivity::new(began);
        assert_eq!(activity.decide(began, PATIENCE), Some(Decision::Wait(began + seconds(10))));
        activity.heard(began + seconds(9));
        assert_eq!(activity.decide(began + seconds(10), PATIENCE), Some(Decision::SlowHead));
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_connection_may_rest_but_not_dawdle() {
        let activity = ConnectionActivity::new(Instant::now());
        tokio::time::advance(seconds(5)).await;
        let active = activity.begin(false);
        tokio::time::advance(seconds(500)).await;
        assert!(
            matches!(activity.decide(Instant::now(), PATIENCE), Some(Decision::Wait(_))),
            "busy for as long as it takes"
        );
        drop(active);
        let rests = Instant::now();
        assert!(matches!(activity.decide(rests + seconds(59), PATIENCE), Some(Decision::Wait(_))));
        assert_eq!(activity.decide(rests + seconds(60), PATIENCE), Some(Decision::Idle));
        activity.heard(rests + seconds(30));
        assert!(matches!(activity.decide(rests + seconds(39), PATIENCE), Some(Decision::Wait(_))));
        assert_eq!(activity.decide(rests + seconds(40), PATIENCE), Some(Decision::SlowHead));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_between_requests_are_no_head() {
        let activity = ConnectionActivity::new(Instant::now());
        drop(activity.begin(true));
        let rests = Instant::now();
        activity.heard(rests);
        assert!(matches!(activity.decide(rests + seconds(59), PATIENCE), Some(Decision::Wait(_))));
        assert_eq!(activity.decide(rests + seconds(60), PATIENCE), Some(Decision::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_has_become_something_else_may_rest_as_long_as_such_a_connection() {
        let times = ConnectionTimes { upgraded: Some(seconds(300)), ..PATIENCE };
        let activity = ConnectionActivity::new(Instant::now());
        let (stream, active) = (activity.stream(), activity.begin(true));
        assert!(!activity.is_tunnel(), "its answer may still be one like any other");
        activity.carries(Instant::now());
        drop(active);
        let began = Instant::now();
        assert!(activity.is_tunnel());
        assert!(matches!(activity.decide(began + seconds(299), times), Some(Decision::Wait(_))));
        assert_eq!(activity.decide(began + seconds(300), times), Some(Decision::Idle));
        activity.carries(began + seconds(200));
        assert!(matches!(activity.decide(began + seconds(499), times), Some(Decision::Wait(_))));
        drop(stream);
        assert!(!activity.is_tunnel());
        assert_eq!(
            activity.decide(began + seconds(60), times),
            Some(Decision::Idle),
            "as any other without a request"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_nothing_is_judged() {
        let activity = ConnectionActivity::new(Instant::now());
        assert_eq!(
            activity.decide(
                Instant::now() + seconds(9999),
                ConnectionTimes { head: None, idle: None, upgraded: None }
            ),
            None
        );
        let idle_only = ConnectionTimes { head: None, idle: Some(seconds(3)), upgraded: None };
        drop(activity.begin(false));
        activity.heard(Instant::now());
        assert_eq!(activity.decide(Instant::now() + seconds(3), idle_only), Some(Decision::Idle));
    }
}
