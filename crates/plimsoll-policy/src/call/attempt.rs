//! An attempt under way: its permits, its stage and which limit runs.

use super::{AttemptId, Stages};
use crate::{AttemptRole, Instant, Limit, Outcome, Timeouts, policy::Permits};
use std::time::Duration;

/// How far an attempt has come, and since when.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Connecting,
    /// The connection stands, since then.
    Handshaking(Instant),
    Sending,
    Awaiting(Instant),
    /// The answer's head has come, `took` after the start, and said this.
    Body {
        took: Duration,
        said: Outcome,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) id: AttemptId,
    pub(super) role: AttemptRole,
    pub(super) began: Instant,
    /// Given back, and gone, once the machines have learned of the outcome.
    pub(super) permits: Option<Permits>,
    /// Bytes may have reached the peer.
    pub(super) sent: bool,
    moved: Instant,
    stage: Stage,
}

impl Flight {
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
        Self { id, role, began: now, permits: Some(permits), sent, moved: now, stage }
    }

    /// The same without its permits: the machines have learned of it, only its limits still run.
    pub(super) fn settled(self) -> Self {
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
            self.stage = Stage::Awaiting(now);
        }
    }

    pub(super) fn moved(&mut self, now: Instant) {
        self.moved = now;
    }

    pub(super) fn head(&mut self, now: Instant, said: Outcome) {
        self.moved = now;
        self.stage = Stage::Body { took: now.since(self.began), said };
    }

    /// How long it took to the answer's head, or has taken so far.
    pub(super) fn took(&self, now: Instant) -> Duration {
        match self.stage {
            Stage::Body { took, .. } => took,
            _ => now.since(self.began),
        }
    }

    /// What the head said, if it has come; a body that ends well does not make a 503 a success.
    pub(super) fn said(&self) -> Option<Outcome> {
        match self.stage {
            Stage::Body { said, .. } => Some(said),
            _ => None,
        }
    }

    /// The limit that runs out first, and when. The deadline of the call is not among them.
    pub(super) fn expiry(&self, timeouts: &Timeouts) -> (Instant, Limit) {
        let stage = match self.stage {
            Stage::Connecting => (timeouts.expiry(Limit::Connect, self.began), Limit::Connect),
            Stage::Handshaking(since) => (timeouts.expiry(Limit::Tls, since), Limit::Tls),
            Stage::Sending => (timeouts.expiry(Limit::Idle, self.moved), Limit::Idle),
            Stage::Awaiting(since) => (timeouts.expiry(Limit::FirstByte, since), Limit::FirstByte),
            Stage::Body { .. } => return (timeouts.expiry(Limit::Idle, self.moved), Limit::Idle),
        };
        let attempt = (timeouts.expiry(Limit::Attempt, self.began), Limit::Attempt);
        if stage.0 <= attempt.0 { stage } else { attempt }
    }
}
