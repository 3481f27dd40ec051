//! Random scripts: first the features, then events of these.

use super::{
    Act, AttemptPlan, BodyEnd, BodyPlan, CallPlan, End, Piece, Script, Step,
    dice::Dice,
    feature::{Feature, Features},
    spec::spec,
};
use plimsoll_policy::{
    Cause, Cohort, Failure, Outcome, Priority, Settlement,
    call::{Mark, Stages},
};
use std::time::Duration;

/// The longest that a script's caller stays.
const PATIENCE: std::ops::Range<u64> = 900..1_000;
/// Ten, and one hedge.
const MOST_ATTEMPTS: u64 = 11;

impl Script {
    /// The script of this seed, for drivers that see so much of an attempt. Where they see nothing, its attempts have
    /// neither steps nor heads, and there is always an endpoint.
    pub fn random(seed: u64, stages: Stages) -> Self {
        let mut dice = Dice::new(seed ^ (stages as u64) << 63);
        let features = Features::draw(&mut dice);
        Self::of(seed, stages, false, dice, features)
    }

    /// The script of this seed, as far as a [wire](super::wire) carries it.
    pub fn on_the_wire(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let features = Features::draw(&mut dice).on_the_wire();
        Self::of(seed, Stages::Reported, true, dice, features)
    }

    fn of(seed: u64, stages: Stages, wire: bool, mut dice: Dice, features: Features) -> Self {
        dice.coarse = features.has(Feature::Ties) && dice.percent(50);
        let spec = spec(&mut dice, features);
        let count = dice.below(2..16);
        let span = if features.has(Feature::Rush) { 30 } else { 400 };
        let mut author = Author { dice, features, stages, wire };
        let calls = (0..count).map(|_| author.call(span)).collect();
        let acts = author.acts(span);
        Self { seed, spec, stages, calls, acts }
    }
}

struct Author {
    dice: Dice,
    features: Features,
    stages: Stages,
    wire: bool,
}

impl Author {
    fn has(&self, feature: Feature) -> bool {
        self.features.has(feature)
    }

    /// Now and then, if it may occur at all.
    fn now_and_then(&mut self, feature: Feature, percent: u64) -> bool {
        self.has(feature) && self.dice.percent(percent)
    }

    fn acts(&mut self, span: u64) -> Vec<(Duration, Act)> {
        let mut acts = Vec::new();
        if self.has(Feature::ByHand) {
            for _ in 0..self.dice.below(1..5) {
                let act = match self.dice.below(0..5) {
                    0 => Act::ForceOpen,
                    1 => Act::ForceClosed,
                    2 => Act::Isolate,
                    _ => Act::Release,
                };
                acts.push((self.dice.millis(0..span * 2), act));
            }
        }
        if self.has(Feature::Revision) {
            for _ in 0..self.dice.below(1..4) {
                // Other machines as well as other thresholds.
                let features =
                    if self.dice.percent(50) { self.features } else { Features::draw(&mut self.dice) };
                let spec = Box::new(spec(&mut self.dice, features));
                acts.push((self.dice.millis(0..span * 2), Act::Revise(spec)));
            }
        }
        acts
    }

    fn call(&mut self, span: u64) -> CallPlan {
        let starts = self.dice.millis(0..span);
        let stays = if self.now_and_then(Feature::Leaves, 30) { 1..100 } else { PATIENCE };
        let leaves = starts + self.dice.millis(stays) + Duration::from_nanos(1);
        let replayable = !self.now_and_then(Feature::OneShot, 40);
        let tier = self.dice.below(0..u64::from(Priority::TIERS)) as u8;
        let priority = if self.has(Feature::Priorities) { Priority::new(tier) } else { None };
        // Requests over the wire are all of one cohort.
        let cohort = if self.wire { Cohort::default() } else { Cohort::from_hash(self.dice.bits()) };
        let attempts = if self.wire { MOST_ATTEMPTS } else { self.dice.below(1..6) };
        CallPlan {
            starts,
            leaves,
            idempotent: !self.now_and_then(Feature::Unsafe, 50),
            replayable,
            hedgeable: replayable && !self.now_and_then(Feature::NoTwin, 40),
            deadline: self.now_and_then(Feature::Deadline, 60).then(|| self.dice.millis(0..150)),
            priority: priority.unwrap_or_default(),
            cohort,
            attempts: (0..attempts).map(|_| self.attempt()).collect(),
        }
    }

    fn attempt(&mut self) -> AttemptPlan {
        let reported = self.stages == Stages::Reported;
        let available = !(reported && self.now_and_then(Feature::NoEndpoint, 25));
        let slow = if self.now_and_then(Feature::Slow, 40) { 4 } else { 1 };
        let mut steps = Vec::new();
        let mut at = Duration::ZERO;
        let fails_early = reported && self.now_and_then(Feature::Refusals, 25);
        if self.wire {
            // A fresh connection to the loopback address takes the request at once.
            let marks = [Mark::Connected, Mark::Sent, Mark::Flushed];
            steps.extend(marks.map(|mark| (Duration::ZERO, Step::Mark(mark))));
        } else if !fails_early {
            let mut turned = true;
            for step in self.steps() {
                let turns = matches!(step, Step::Mark(Mark::WaitsForCaller | Mark::WaitsForPeer));
                if turns || turned || !self.dice.percent(25) {
                    at += self.dice.millis(0..8 * slow) + self.least();
                }
                turned = turns;
                steps.push((at, step));
            }
        }
        // It may come to all of it at once, and to its end.
        if self.wire || fails_early || !self.dice.percent(10) {
            at += self.dice.millis(0..25 * slow) + self.least();
        }
        let hangs = self.now_and_then(Feature::Hangs, 20);
        let end = (!hangs).then(|| (at, self.end(fails_early)));
        // Nothing of it happens before.
        let first = steps.first().map_or(at, |(first, _)| *first);
        let readies = if self.dice.percent(30) { first / 2 } else { Duration::ZERO };
        AttemptPlan { available, readies, steps, end }
    }

    /// Apart by so much, things happen one after the other.
    fn least(&self) -> Duration {
        if self.dice.coarse { Duration::from_millis(1) } else { Duration::from_nanos(1) }
    }

    fn steps(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut mark = |mark| steps.push(Step::Mark(mark));
        if self.stages == Stages::Reported {
            if self.dice.percent(40) {
                mark(Mark::Dialled);
            }
            mark(Mark::Connected);
            if self.dice.percent(85) {
                mark(Mark::Sent);
            }
            for _ in 0..self.dice.below(0..3) {
                if self.now_and_then(Feature::SlowCaller, 60) {
                    mark(Mark::WaitsForCaller);
                    if self.dice.percent(80) {
                        mark(Mark::WaitsForPeer);
                    }
                }
                mark(Mark::Moved);
            }
            if self.dice.percent(85) {
                mark(Mark::Flushed);
            }
            // An attempt may come to its end from any stage.
            let made = if self.dice.percent(70) {
                steps.len()
            } else {
                self.dice.below(0..steps.len() as u64) as usize
            };
            steps.truncate(made);
        }
        if self.now_and_then(Feature::Outgrown, 40) {
            let at = self.dice.below(0..steps.len() as u64 + 1) as usize;
            steps.insert(at, Step::Outgrown);
        }
        steps
    }

    fn end(&mut self, fails_early: bool) -> End {
        if fails_early {
            return End::Whole(Settlement::failure(Failure::Connect));
        }
        let (settlement, has_response) = self.settlement();
        if self.stages == Stages::Reported && has_response && (self.wire || !self.dice.percent(15)) {
            let settlement =
                Settlement { provisional: self.now_and_then(Feature::Provisional, 40), ..settlement };
            return End::Head(settlement, self.body());
        }
        End::Whole(settlement)
    }

    /// Returns an attempt's settlement, and whether there was a response.
    fn settlement(&mut self) -> (Settlement, bool) {
        let broken = Settlement::failure(Failure::Broken);
        if self.now_and_then(Feature::OurLack, 15) {
            return (Settlement { outcome: Outcome::Local, ..broken }, false);
        }
        if self.now_and_then(Feature::CallersFault, 15) {
            return (Settlement::CALLER, false);
        }
        if self.now_and_then(Feature::Refusals, 10) {
            return (Settlement { untouched: true, ..broken }, false);
        }
        if self.now_and_then(Feature::Throttled, 30) {
            return (self.status(Outcome::Throttled, 429), true);
        }
        if self.now_and_then(Feature::Failures, 50) {
            return if self.dice.percent(50) {
                (self.status(Outcome::Failure(Failure::Response), 503), true)
            } else {
                (broken, false)
            };
        }
        (Settlement::SUCCESS, true)
    }

    fn status(&mut self, outcome: Outcome, status: u16) -> Settlement {
        let retry_after = self.now_and_then(Feature::RetryAfter, 50).then(|| self.dice.millis(1..80));
        Settlement { outcome, cause: Some(Cause::Status(status)), retry_after, ..Settlement::SUCCESS }
    }

    fn body(&mut self) -> BodyPlan {
        let mut at = Duration::ZERO;
        let mut pieces = Vec::new();
        if self.has(Feature::Bodies) {
            for _ in 0..self.dice.below(0..4) {
                at += self.dice.millis(0..25);
                let pause = if self.now_and_then(Feature::SlowReader, 40) {
                    self.dice.millis(1..60)
                } else {
                    Duration::ZERO
                };
                pieces.push((at, Piece { uploading: self.now_and_then(Feature::Uploading, 40), pause }));
            }
        }
        // Most responses are small.
        if !self.wire || !pieces.is_empty() || self.now_and_then(Feature::Bodies, 30) {
            at += self.dice.millis(0..15) + self.least();
        }
        let hangs = self.now_and_then(Feature::Hangs, 15);
        let whole = self.wire && at.is_zero();
        let end = (!hangs).then(|| (at, if whole { BodyEnd::Well } else { self.body_end() }));
        BodyPlan { pieces, end }
    }

    fn body_end(&mut self) -> BodyEnd {
        if self.now_and_then(Feature::Broken, 30) {
            BodyEnd::Broken
        } else if self.now_and_then(Feature::Trailers, 50) {
            let bad = self.dice.percent(50);
            let failed = self.dice.one(&[Outcome::Failure(Failure::Response), Outcome::Throttled]);
            let outcome = if bad { failed } else { Outcome::Success };
            BodyEnd::Trailers(Settlement { outcome, ..Settlement::SUCCESS })
        } else {
            BodyEnd::Well
        }
    }
}
