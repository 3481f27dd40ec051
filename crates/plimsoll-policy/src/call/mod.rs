//! One request's life as one machine: admissions, attempts, retries, hedges and timeouts.
//!
//! A driver owns sockets, timers and the clock; the [`Call`] makes every decision. The driver gives it events and
//! carries out the returned actions:
//!
//! ```text
//! action = call.next(&policy, now, Event::Start(seed))
//! loop:
//!     Attempt { id, .. }     pick an endpoint, begin sending      → next(Proceed), or next(Unavailable) without one
//!     Abort { id }           drop that attempt                    → next(Event::Proceed)
//!     Wait { until, ticket } sleep until an event                 → next(Timer | Granted | Headers | Done | …)
//!                            meanwhile note(Connected | Sent | Flushed | Moved | WaitsForCaller | …), then next(Proceed)
//!     Finish(…)              return the response to the caller    → after a response's head: go on until Closed
//!     Closed                 everything is settled
//! ```
//!
//! # Order
//! shed → rate limit → deadline begins → (retry, hedge: budget) → throttle → breaker → adaptive concurrency → bulkhead
//! → limits of the attempt.
//!
//! - The cheapest refusal comes first: shedding reads one word.
//! - The rate limit counts calls, not attempts: a client pays once, however many attempts there are.
//! - The deadline begins before any waiting, so queues and backoff count against it. If the rate limit is a leaky
//!   bucket, a call waits for its turn, if that comes before its deadline; the other machines admit it at its turn.
//! - Breaker and bulkhead see attempts: a retry needs a fresh admission, and is never sent into an open breaker.
//! - The breaker comes before the bulkhead, so that calls to a dead peer do not queue for a permit first.
//!
//! # After the head
//! An attempt's outcome is reported when it is known: success and latency with the response's head. Once the head has
//! been returned to the caller the call is committed: there is no retry, but idle limit and deadline still run. The
//! body's end returns the permits (bulkhead, adaptive limit) and can only add a failure: the body broke off, the peer
//! fell silent, or the trailers have a bad status.
//!
//! # Blame
//! An attempt's clocks run while it waits for the peer. While it waits for the caller they stop; a limit that runs out
//! then is the caller's fault ([`Finish::CallerTimedOut`]) and is reported to no machine. At the deadline the peer is
//! blamed only if it had the larger part of the call's time. If that deadline is the caller's own, earlier than the
//! policy's total, the peer must also have had the larger part of the time that the policy gives it (the shortest of
//! first byte, attempt and total): a caller with little time says nothing about the peer. A local shortage
//! ([`Outcome::Local`]) is no failure.
//!
//! # Randomness
//! A call has one seed. Each random choice derives from the seed, its purpose and the attempt, so the number of polls
//! changes nothing, and two drivers that give a call the same events get the same decisions.
//!
//! # Cost
//! No allocation, no lock beyond the bulkhead's queue when it is full. The machine is a few cache lines of plain data.

mod attempt;
mod attempts;
mod context;
mod kept;
mod machine;
mod retrying;
#[cfg(test)]
mod tests;

pub use machine::Call;

use crate::{
    AttemptRole, Cohort, Instant, KeyHash, Limit, Outcome, Priority, RejectedError, Seed, Settlement, Ticket,
};

/// Facts that the driver knows about a request before its call begins.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Whether sending it twice has the same effect as once, or the peer recognizes repetitions by a key.
    pub idempotent: bool,
    /// Whether it can be sent again, as far as is known now; [`Event::Unreplayable`] revokes it.
    pub replayable: bool,
    /// Whether it can be sent twice at the same time.
    pub hedgeable: bool,
    /// The caller's own deadline; [`Instant::FAR`] without one.
    pub deadline: Instant,
    /// Its importance.
    pub priority: Priority,
    /// The cohort of the call's user.
    pub cohort: Cohort,
    /// The key by which a keyed rate limit counts it.
    pub rate_key: Option<KeyHash>,
    /// The stages of an attempt that the driver can report.
    pub stages: Stages,
}

impl Default for Facts {
    /// Neither safe to repeat nor to hedge, no deadline, normal priority.
    fn default() -> Self {
        Self {
            idempotent: false,
            replayable: false,
            hedgeable: false,
            deadline: Instant::FAR,
            priority: Priority::default(),
            cohort: Cohort::default(),
            rate_key: None,
            stages: Stages::Opaque,
        }
    }
}

/// The stages of an attempt that a driver can report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stages {
    /// The driver reports every [`Mark`].
    Reported,
    /// The driver does not see the stages. An attempt counts as sent from its start; no connect limit applies.
    Opaque,
}

/// An attempt of a call: 0 for the first, counting up. At most 11: ten attempts and one hedge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AttemptId(pub(crate) u8);

impl AttemptId {
    /// Returns its number, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An event that the driver reports.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// The call begins. Every choice in it derives from this seed.
    Start(Seed),
    /// The last action was carried out.
    Proceed,
    /// The instant of the last [`Action::Wait`] has come.
    Timer,
    /// The ticket waited for was granted.
    Granted(Ticket),
    /// The response's head has come.
    Headers(AttemptId, Settlement),
    /// The attempt is over: its response whole, or failed.
    Done(AttemptId, Settlement),
    /// No endpoint can be had for the attempt that was to begin: the reply to [`Action::Attempt`]. Nothing comes of it;
    /// an attempt that is out goes on, and a retry's caller gets what it had before.
    Unavailable(AttemptId),
    /// The request's body can no longer be sent again.
    Unreplayable,
    /// The caller left.
    Gone,
}

/// How far an attempt has come, noted by a driver that can tell ([`Call::note`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// The connection stands, and TLS begins on it. Left out where it is not spoken.
    Dialled,
    /// A connection is in hand.
    Connected,
    /// Bytes of the request may have reached the peer.
    Sent,
    /// The request's last byte is on its way.
    Flushed,
    /// Bytes of a body moved, either way.
    Moved,
    /// From here on the caller is waited for: for more of its request, or until it reads. The clocks of the attempt
    /// stand still, but for `idle`, which runs against the caller while it sends.
    WaitsForCaller,
    /// From here on the peer is waited for, as at the start.
    WaitsForPeer,
}

/// An action for the driver to carry out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Action {
    /// Nothing until an event; at the latest at `until` ([`Instant::FAR`]: no timer), then [`Event::Timer`].
    Wait {
        /// When to come back.
        until: Instant,
        /// The ticket that is waited for.
        ticket: Option<Ticket>,
    },
    /// Begin this attempt, on an endpoint that no earlier attempt of this call has failed on if there is one.
    Attempt {
        /// Its number.
        id: AttemptId,
        /// First, retry or hedge.
        role: AttemptRole,
    },
    /// End this attempt: its response is not wanted. The machines have learned of it.
    Abort {
        /// Its number.
        id: AttemptId,
        /// As what they have learned of it.
        outcome: Outcome,
    },
    /// Tell the caller.
    Finish(Finish),
    /// Everything is settled; the call may be dropped.
    Closed,
}

/// How a call ends for its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finish {
    /// Give the caller what this attempt brought: its response, or its error.
    Response(AttemptId),
    /// A machine refused it.
    Refused(RejectedError),
    /// A limit ran out.
    TimedOut(Limit),
    /// A limit ran out while the caller was waited for.
    CallerTimedOut(Limit),
    /// The caller is gone; the call has no result.
    Gone,
}
