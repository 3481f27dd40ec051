//! A script as data.

use super::Act;
use plimsoll_policy::{
    Cohort, Instant, PolicySpec, Priority, Settlement,
    call::{Facts, Mark, Stages},
};
use std::time::Duration;

/// Calls under one policy, and whatever befalls them. All times are fixed beforehand, from its beginning on.
#[derive(Clone, Debug)]
pub struct Script {
    /// Of the random choices in it, and of the seeds of its calls.
    pub seed: u64,
    /// The policy in force at the beginning.
    pub spec: PolicySpec,
    /// How much the driver sees of an attempt.
    pub stages: Stages,
    /// The calls, in no order.
    pub calls: Vec<CallPlan>,
    /// Done by hand, at these times.
    pub acts: Vec<(Duration, Act)>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// When it begins.
    pub starts: Duration,
    /// When its caller leaves, if it is still there.
    pub leaves: Duration,
    /// As in [`Facts`].
    pub idempotent: bool,
    /// As in [`Facts`].
    pub replayable: bool,
    /// As in [`Facts`].
    pub hedgeable: bool,
    /// The caller's own, from the call's start on.
    pub deadline: Option<Duration>,
    /// As in [`Facts`].
    pub priority: Priority,
    /// As in [`Facts`].
    pub cohort: Cohort,
    /// Its attempts, in the order in which they are asked for.
    pub attempts: Vec<AttemptPlan>,
}

impl CallPlan {
    /// Returns the facts that a driver knows about the call at its start.
    pub fn facts(&self, now: Instant, stages: Stages) -> Facts {
        Facts {
            idempotent: self.idempotent,
            replayable: self.replayable,
            hedgeable: self.hedgeable,
            deadline: self.deadline.map_or(Instant::FAR, |wait| now + wait),
            priority: self.priority,
            cohort: self.cohort,
            rate_key: None,
            stages,
        }
    }

    /// The attempt that is asked for after `asked` others; one beyond the plan goes well after a millisecond.
    pub fn attempt(&self, asked: usize) -> AttemptPlan {
        self.attempts.get(asked).cloned().unwrap_or(AttemptPlan {
            available: true,
            readies: Duration::ZERO,
            steps: Vec::new(),
            end: Some((Duration::from_millis(1), End::Whole(Settlement::SUCCESS))),
        })
    }
}

/// One attempt. Times are from its start on, and rise.
#[derive(Clone, Debug)]
pub struct AttemptPlan {
    /// There is an endpoint for it.
    pub available: bool,
    /// So much of its time goes by before a service that it needs is ready, where there is such a thing.
    pub readies: Duration,
    /// How far it comes, and when.
    pub steps: Vec<(Duration, Step)>,
    /// How it ends; `None`: it hangs for ever.
    pub end: Option<(Duration, End)>,
}

/// Progress of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It has come so far. [`Mark::Sent`]: bytes have gone out, and so moved.
    Mark(Mark),
    /// The request's body has outgrown what is kept of it.
    Outgrown,
}

/// The end of an attempt.
#[derive(Clone, PartialEq, Debug)]
pub enum End {
    /// A whole response, or a failure.
    Whole(Settlement),
    /// A response's head. If it goes to the caller, this body follows.
    Head(Settlement, BodyPlan),
}

/// A body, as it comes and as it is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BodyPlan {
    /// Its pieces, at times that count from the head on, whenever that is given to the caller.
    pub pieces: Vec<(Duration, Piece)>,
    /// How it ends, so long after the head; `None`: it does not.
    pub end: Option<(Duration, BodyEnd)>,
}

impl BodyPlan {
    /// It comes with its head, all of it.
    pub fn is_whole(&self) -> bool {
        self.pieces.is_empty() && self.end == Some((Duration::ZERO, BodyEnd::Well))
    }
}

/// A piece of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// While it is waited for, the caller has not sent all of its request.
    pub uploading: bool,
    /// The caller comes back so long after it was given this piece.
    pub pause: Duration,
}

/// The end of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyEnd {
    /// As announced.
    Well,
    /// With trailers that say this.
    Trailers(Settlement),
    /// Before its end.
    Broken,
}
