//! Admission by machines that learn from outcomes: the common part of the breaker's and the adaptive limit's layers.

use super::{Admit, Settle};
use crate::{Classify, driver::now, keyed::Select};
use plimsoll_policy::{AttemptRole, Instant, Observer, Outcome, PolicyEvent, RejectedError};
use std::{fmt, ops::Deref, time::Duration};

/// A machine that admits calls and learns from their outcomes.
pub trait OutcomeMachine {
    /// The proof of admission, given back with the outcome.
    type Permit: Copy + fmt::Debug;

    /// Admits a call, or refuses it. The event, if any, is a transition that the request caused.
    ///
    /// # Errors
    /// The machine's rejection.
    fn try_admit(&self, now: Instant) -> Result<(Self::Permit, Option<PolicyEvent>), RejectedError>;

    /// Records the outcome of a call, `took` after its admission. The event, if any, is a transition that it caused.
    fn record(
        &self,
        permit: Self::Permit,
        now: Instant,
        outcome: Outcome,
        took: Duration,
    ) -> Option<PolicyEvent>;
}

/// Admission of calls by an [`OutcomeMachine`], which learns the outcome of each.
///
/// `K` selects the machine of a request, `C` classifies responses and errors, `O` observes the decisions.
#[derive(Clone, Debug)]
pub struct AdmitByOutcome<K, C, O> {
    pub(crate) which: K,
    pub(crate) classify: C,
    pub(crate) observer: O,
}

impl<Req, K, C, O> Admit<Req> for AdmitByOutcome<K, C, O>
where
    K: Select<Req>,
    K::Machine: OutcomeMachine,
    K::Handle: Deref<Target = K::Machine>,
    C: Clone,
    O: Observer + Clone,
{
    type Guard = MachineGuard<K::Handle, C, O>;

    #[inline]
    fn admit(&self, request: &Req) -> Result<Self::Guard, RejectedError> {
        let now = now();
        let machine = self.which.select(request, now);
        match machine.try_admit(now) {
            Ok((permit, event)) => {
                if let Some(event) = event {
                    self.observer.on(now, &event);
                }
                let (classify, observer) = (self.classify.clone(), self.observer.clone());
                Ok(MachineGuard { machine, permit: Some(permit), began: now, classify, observer })
            }
            Err(rejected) => {
                self.observer.on(now, &PolicyEvent::Rejected(rejected));
                Err(rejected)
            }
        }
    }
}

/// A guard that holds a call's permit. Dropping it unsettled settles the call as cancelled.
#[derive(Debug)]
pub struct MachineGuard<H, C, O>
where
    H: Deref,
    H::Target: OutcomeMachine,
    O: Observer,
{
    machine: H,
    permit: Option<<H::Target as OutcomeMachine>::Permit>,
    began: Instant,
    classify: C,
    observer: O,
}

impl<H, C, O> MachineGuard<H, C, O>
where
    H: Deref,
    H::Target: OutcomeMachine,
    O: Observer,
{
    #[inline]
    fn end(&mut self, outcome: Outcome) {
        if let Some(permit) = self.permit.take() {
            let now = now();
            let took = now.since(self.began);
            let event = self.machine.record(permit, now, outcome, took);
            self.observer.on(now, &PolicyEvent::Settled(AttemptRole::First, outcome, took));
            if let Some(event) = event {
                self.observer.on(now, &event);
            }
        }
    }
}

impl<H, C, O, Response, E> Settle<Response, E> for MachineGuard<H, C, O>
where
    H: Deref,
    H::Target: OutcomeMachine,
    C: Classify<Response, E>,
    O: Observer,
{
    #[inline]
    fn settle(mut self, result: Result<&Response, &E>) {
        let settlement = self.classify.classify(result);
        self.end(settlement.outcome);
    }
}

impl<H, C, O> Drop for MachineGuard<H, C, O>
where
    H: Deref,
    H::Target: OutcomeMachine,
    O: Observer,
{
    #[inline]
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}
