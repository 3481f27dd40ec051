use super::{Endpoint, Upstream};
use plimsoll::{
    Instant, Outcome,
    ejection::Verdict,
    endpoints::Pick,
    tower::driver::{draw, now},
};
use std::{fmt, sync::Arc};

/// An endpoint that was chosen for an attempt. Dropped, it gives its place in flight back; an attempt that was not judged
/// by then was cancelled.
pub(crate) struct Picked {
    upstream: Arc<Upstream>,
    pick: Pick,
    began: Instant,
    stage: Stage,
}

/// How much has been said of the attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unjudged,
    /// A good head: a failure may follow.
    Good,
    /// A good head whose verdict follows.
    Provisional,
    Final,
}

impl Picked {
    pub(super) fn new(upstream: Arc<Upstream>, pick: Pick, now: Instant) -> Self {
        Self { upstream, pick, began: now, stage: Stage::Unjudged }
    }

    /// Its index in the upstream.
    pub(crate) fn index(&self) -> u32 {
        self.pick.endpoint()
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.upstream.endpoints[self.pick.endpoint() as usize]
    }

    /// The verdict, at the response's head or at the failure. Only the first counts.
    pub(crate) fn judge(&mut self, now: Instant, outcome: Outcome) {
        if self.stage != Stage::Unjudged {
            return;
        }
        self.stage = if outcome == Outcome::Success { Stage::Good } else { Stage::Final };
        let took = now.since(self.began);
        self.tell(self.upstream.choice.judge(&self.pick, now, draw(), outcome, took));
    }

    /// A good head whose verdict follows in trailers.
    pub(crate) fn judge_provisional(&mut self, now: Instant) {
        if self.stage != Stage::Unjudged {
            return;
        }
        self.stage = Stage::Provisional;
        let took = now.since(self.began);
        self.tell(self.upstream.choice.judge_provisional(&self.pick, now, draw(), took));
    }

    /// What came after the head. After an ordinary head a success is no news; the first failure is.
    pub(crate) fn judge_late(&mut self, now: Instant, outcome: Outcome) {
        let news = match self.stage {
            Stage::Unjudged => return self.judge(now, outcome),
            Stage::Good => outcome != Outcome::Success,
            Stage::Provisional => true,
            Stage::Final => false,
        };
        if news {
            self.stage = Stage::Final;
            self.tell(self.upstream.choice.judge_late(&self.pick, now, draw(), outcome));
        }
    }

    fn tell(&self, verdict: Option<Verdict>) {
        if let Some(verdict) = verdict {
            self.upstream.ejection(verdict);
        }
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        if self.stage == Stage::Unjudged {
            self.judge(now(), Outcome::Cancelled);
        }
        self.upstream.choice.release(self.pick);
    }
}

impl fmt::Debug for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picked({})", self.endpoint().address)
    }
}
