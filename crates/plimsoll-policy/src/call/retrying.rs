//! Whether a failed attempt is made again, and when.

use super::{Facts, machine::Progress};
use crate::{
    Cause, DenyReason, Draw, Host, Instant, PolicyEvent, Settlement,
    policy::{Policy, Retrying},
    retry,
};
use std::time::Duration;

/// The answer to "again?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    /// Yes, after this wait.
    After(Cause, Duration),
    /// Its cause would have allowed it, but.
    Denied(DenyReason),
    /// Nobody asked for it.
    No,
}

impl Again {
    /// A retry that is denied is told of.
    pub(super) fn observe<H: Host>(self, policy: &Policy<H>, now: Instant) {
        if let Self::Denied(reason) = self {
            policy.observe(now, PolicyEvent::RetryDenied(reason));
        }
    }
}

/// Decides; takes from the budget only if everything else allows the retry.
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
