//! An attempt in flight: its permits, its stage, and its limits.

use super::{AttemptId, Stages};
use crate::{AttemptRole, Failure, Instant, Limit, Outcome, Timeouts, policy::Permits};
use std::time::Duration;

/// The stage of an attempt, with its start.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Connecting,
    /// The connection is established, since then.
    Handshaking(Instant),
    Sending,
    Awaiting(Instant),
    /// The response's head has come, `took` of the peer's time after the start, with this outcome.
    Body {
        took: Duration,
        outcome: Outcome,
        /// Whether the trailers decide.
        provisional: bool,
    },
}

/// A limit and the time at which it runs out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expiry {
    pub(super) at: Instant,
    pub(super) limit: Limit,
    /// Whether the attempt waits for the caller, not for the peer.
    pub(super) caller: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) role: AttemptRole,
    pub(super) began: Instant,
    /// The permits it holds; `None` once they have been given back.
    pub(super) permits: Option<Permits>,
    /// Whether bytes may have reached the peer.
    pub(super) sent: bool,
    /// Whether the attempt waits for the caller, not for the peer, since `moved`.
    callers_turn: bool,
    moved: Instant,
    stage: Stage,
    /// The nanoseconds of waiting for the caller up to `moved`.
    caller_nanos: u64,
}

impl Attempt {
    pub(super) fn new(
        id: AttemptId,
        role: AttemptRole,
        now: Instant,
        permits: Permits,
        stages: Stages,
    ) -> Self {
        let (stage, sent) = match stages {
            Stages::Reported => (Stage::Connecting, false),
            Stages::Opaque => (Stage::Awaiting(now), true),
        };
        Self {
            id,
            role,
            began: now,
            permits: Some(permits),
            sent,
            callers_turn: false,
            moved: now,
            stage,
            caller_nanos: 0,
        }
    }

    /// Returns the same attempt without permits: its settlement has been reported, only its limits still run.
    pub(super) fn released(self) -> Self {
        Self { permits: None, ..self }
    }

    pub(super) fn dialled(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Connecting) {
            self.stage = Stage::Handshaking(now);
        }
    }

    pub(super) fn connected(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Connecting | Stage::Handshaking(_)) {
            self.stage = Stage::Sending;
            self.moved = now;
        }
    }

    pub(super) fn flushed(&mut self, now: Instant) {
        self.sent = true;
        if matches!(self.stage, Stage::Connecting | Stage::Handshaking(_) | Stage::Sending) {
            self.waits_for_peer(now);
            self.stage = Stage::Awaiting(now);
        }
    }

    pub(super) fn moved(&mut self, now: Instant) {
        self.caller_nanos = self.caller_nanos(now);
        self.moved = now;
    }

    /// Stops the attempt's clocks.
    pub(super) fn waits_for_caller(&mut self, now: Instant) {
        if !self.callers_turn {
            self.callers_turn = true;
            self.moved = now;
        }
    }

    /// Resumes the attempt's clocks, with the peer's whole idle time ahead.
    pub(super) fn waits_for_peer(&mut self, now: Instant) {
        if self.callers_turn {
            self.moved(now);
            self.callers_turn = false;
        }
    }

    pub(super) fn head(&mut self, now: Instant, outcome: Outcome, provisional: bool) {
        let took = self.peer_time(now);
        self.waits_for_peer(now);
        self.moved = now;
        self.stage = Stage::Body { took, outcome, provisional };
    }

    #[inline]
    fn caller_nanos(&self, now: Instant) -> u64 {
        let turn = now.as_nanos().saturating_sub(self.moved.as_nanos());
        if self.callers_turn { self.caller_nanos + turn } else { self.caller_nanos }
    }

    /// Returns the total time of waiting for the caller.
    pub(super) fn caller_time(&self, now: Instant) -> Duration {
        Duration::from_nanos(self.caller_nanos(now))
    }

    /// Returns the total time of waiting for the peer.
    #[inline]
    fn peer_time(&self, now: Instant) -> Duration {
        let whole = now.as_nanos().saturating_sub(self.began.as_nanos());
        Duration::from_nanos(whole.saturating_sub(self.caller_nanos(now)))
    }

    /// Returns the peer's time to the response's head, or so far.
    pub(super) fn took(&self, now: Instant) -> Duration {
        match self.stage {
            Stage::Body { took, .. } => took,
            _ => self.peer_time(now),
        }
    }

    /// Returns the outcome of the head, if it has come.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self.stage {
            Stage::Body { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// Returns whether the head was good and the trailers decide.
    pub(super) fn is_provisional(&self) -> bool {
        matches!(self.stage, Stage::Body { provisional: true, .. })
    }

    /// Returns the side to blame if the call's time, which began at `began`, is over before the head. `usual` is the
    /// time that the policy gives a peer, if the caller gave it less; zero otherwise.
    ///
    /// That is the caller, if the attempt waited longer for it than for the peer; the peer, if it had the larger part
    /// of the call's time and of its usual time; otherwise neither: an attempt that was cut short says nothing about
    /// the peer.
    pub(super) fn blame(&self, now: Instant, began: Instant, usual: Duration) -> Outcome {
        let peer = self.peer_time(now);
        if self.caller_time(now) > peer {
            Outcome::Caller
        } else if peer.saturating_mul(2) >= now.since(began).max(usual) {
            Outcome::Failure(Failure::Timeout)
        } else {
            Outcome::Cancelled
        }
    }

    /// Returns the limit that runs out first, without the deadline of the call.
    pub(super) fn expiry(&self, timeouts: &Timeouts) -> Expiry {
        if self.callers_turn {
            let at = match self.stage {
                // A reader may take its time: the deadline alone bounds it here, and its own server's write limit there.
                Stage::Body { .. } => Instant::FAR,
                _ => timeouts.expiry(Limit::Idle, self.moved),
            };
            return Expiry { at, limit: Limit::Idle, caller: true };
        }
        let peers = |at, limit| Expiry { at, limit, caller: false };
        let stage = match self.stage {
            Stage::Connecting => peers(timeouts.expiry(Limit::Connect, self.began), Limit::Connect),
            Stage::Handshaking(since) => peers(timeouts.expiry(Limit::Tls, since), Limit::Tls),
            Stage::Sending => peers(timeouts.expiry(Limit::Idle, self.moved), Limit::Idle),
            Stage::Awaiting(since) => peers(timeouts.expiry(Limit::FirstByte, since), Limit::FirstByte),
            Stage::Body { .. } => return peers(timeouts.expiry(Limit::Idle, self.moved), Limit::Idle),
        };
        let attempt = timeouts.expiry(Limit::Attempt, self.began + Duration::from_nanos(self.caller_nanos));
        if stage.at <= attempt { stage } else { peers(attempt, Limit::Attempt) }
    }
}
