//! The decision whether and when a failed attempt is retried.

use super::{Facts, context::Context, machine::Progress};
use crate::{Cause, DenyReason, Draw, Driver, Instant, PolicyEvent, Settlement, policy::Retrying, retry};
use std::time::Duration;

/// The decision on a retry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    /// A retry after this wait.
    After(Cause, Duration),
    /// The cause allows a retry, but this reason denies it.
    Denied(DenyReason),
    /// The cause allows no retry.
    No,
}

impl Again {
    /// Reports a denied retry to the observer.
    pub(super) fn observe<D: Driver>(self, cx: Context<'_, D>) {
        if let Self::Denied(reason) = self {
            cx.observe(PolicyEvent::RetryDenied(reason));
        }
    }
}

/// Decides on a retry. Withdraws from the budget only if everything else allows it.
pub(super) fn again(
    retrying: Option<&Retrying>,
    facts: &Facts,
    progress: &Progress,
    now: Instant,
    draw: Draw,
    settlement: &Settlement,
    sent: bool,
) -> Again {
    let (Some(retrying), Some(cause)) = (retrying, settlement.cause) else { return Again::No };
    let spec = &retrying.spec;
    if !spec.on.contains(cause) {
        return Again::No;
    }
    if progress.tries >= spec.attempts.get() {
        return Again::Denied(DenyReason::Attempts);
    }
    let untouched = settlement.untouched || !sent;
    if !facts.idempotent && !untouched {
        return Again::Denied(DenyReason::NotSafe);
    }
    if !facts.replayable {
        return Again::Denied(DenyReason::NotReplayable);
    }
    let backoff = retry::backoff(spec, u32::from(progress.tries), progress.last_wait, draw);
    let wait = retry::retry_after_wait(backoff, settlement.retry_after);
    let at = now + wait;
    let window = spec.window.map_or(Instant::FAR, |window| progress.began + window);
    if at >= progress.deadline || at > window {
        return Again::Denied(DenyReason::NoTime);
    }
    if retrying.budget.withdraw(now) { Again::After(cause, wait) } else { Again::Denied(DenyReason::Budget) }
}
