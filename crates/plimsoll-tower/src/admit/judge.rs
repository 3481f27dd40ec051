//! Machines that learn from how calls end: what the breaker's and the adaptive limit's layers have in common.

use super::{Admit, Settle};
use crate::{Classify, driver::now, keyed::Select};
use plimsoll_policy::{AttemptRole, Instant, Observer, Outcome, PolicyEvent, Rejected};
use std::{fmt, ops::Deref, time::Duration};

/// A machine that lets calls through and learns how they ended.
pub trait Judge {
    /// Proof of having been let through.
    type Permit: Copy + fmt::Debug;

    /// May a call go ahead? What happened to the machine by that, if anything, comes along.
    ///
    /// # Errors
    /// The machine's rejection.
    fn ask(&self, now: Instant) -> Result<(Self::Permit, Option<PolicyEvent>), Rejected>;

    /// It has ended so, `took` after it was let through.
    fn tell(
        &self,
        permit: Self::Permit,
        now: Instant,
        outcome: Outcome,
        took: Duration,
    ) -> Option<PolicyEvent>;
}

/// Asks a [`Judge`] before each call, and tells it how the call ended: which judge, `K` says; what an answer means, `C`;
/// `O` hears of it.
#[derive(Clone, Debug)]
pub struct Judged<K, C, O> {
    pub(crate) which: K,
    pub(crate) classify: C,
    pub(crate) observer: O,
}

impl<Req, K, C, O> Admit<Req> for Judged<K, C, O>
where
    K: Select<Req>,
    K::Machine: Judge,
    K::Held: Deref<Target = K::Machine>,
    C: Clone,
    O: Observer + Clone,
{
    type Guard = Verdict<K::Held, C, O>;

    #[inline]
    fn admit(&self, request: &Req) -> Result<Self::Guard, Rejected> {
        let now = now();
        let judge = self.which.select(request, now);
        match judge.ask(now) {
            Ok((permit, event)) => {
                if let Some(event) = event {
                    self.observer.on(now, &event);
                }
                let (classify, observer) = (self.classify.clone(), self.observer.clone());
                Ok(Verdict { judge, permit: Some(permit), began: now, classify, observer })
            }
            Err(rejected) => {
                self.observer.on(now, &PolicyEvent::Rejected(rejected));
                Err(rejected)
            }
        }
    }
}

/// A call's permit. Dropped without having been settled, it settles as cancelled.
#[derive(Debug)]
pub struct Verdict<H, C, O>
where
    H: Deref,
    H::Target: Judge,
    O: Observer,
{
    judge: H,
    permit: Option<<H::Target as Judge>::Permit>,
    began: Instant,
    classify: C,
    observer: O,
}

impl<H, C, O> Verdict<H, C, O>
where
    H: Deref,
    H::Target: Judge,
    O: Observer,
{
    #[inline]
    fn end(&mut self, outcome: Outcome) {
        if let Some(permit) = self.permit.take() {
            let now = now();
            let took = now.since(self.began);
            let event = self.judge.tell(permit, now, outcome, took);
            self.observer.on(now, &PolicyEvent::Settled(AttemptRole::First, outcome, took));
            if let Some(event) = event {
                self.observer.on(now, &event);
            }
        }
    }
}

impl<H, C, O, Response, E> Settle<Response, E> for Verdict<H, C, O>
where
    H: Deref,
    H::Target: Judge,
    C: Classify<Response, E>,
    O: Observer,
{
    #[inline]
    fn settle(mut self, result: Result<&Response, &E>) {
        let settlement = self.classify.classify(result);
        self.end(settlement.outcome);
    }
}

impl<H, C, O> Drop for Verdict<H, C, O>
where
    H: Deref,
    H::Target: Judge,
    O: Observer,
{
    #[inline]
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}
