//! The call driven by hand, with a clock that stands still until told otherwise.

mod blame;
mod course;
mod delayed;

use super::*;
use crate::{
    Cause, DenyReason, Draw, Failure, Machine, Observer, PolicyEvent, PolicySpec, Reason, Timeouts,
    bulkhead::BulkheadSpec,
    hedge::{HedgeDelay, HedgeSpec},
    policy::{Driver, Policy},
    retry::RetrySpec,
    units::Ratio,
};
use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

const START: Event = Event::Start(Seed::new(7));
const MS: Duration = Duration::from_millis(1);

/// Keeps what it hears, and whom it was to wake.
#[derive(Debug, Default)]
struct Journal {
    events: Mutex<Vec<PolicyEvent>>,
    woken: Mutex<Vec<Ticket>>,
}

impl Observer for Journal {
    fn on(&self, _: Instant, event: &PolicyEvent) {
        self.events.lock().unwrap().push(*event);
    }
}

impl Driver for Journal {
    fn wake(&self, ticket: Ticket) {
        self.woken.lock().unwrap().push(ticket);
    }
}

/// A policy, a clock and one call.
struct Bench {
    policy: Policy<Arc<Journal>>,
    now: Instant,
    call: Call,
}

impl Bench {
    fn new(spec: PolicySpec, facts: Facts) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let policy = Policy::new(spec, now, Draw::new(1), Arc::default());
        Self { policy, now, call: Call::new(facts) }
    }

    fn next(&mut self, event: Event) -> Action {
        self.call.next(&self.policy, self.now, event)
    }

    fn after(&mut self, wait: Duration) -> &mut Self {
        self.now = self.now + wait;
        self
    }

    fn note(&mut self, id: AttemptId, mark: Mark) {
        self.call.note(self.now, id, mark);
    }

    fn heard(&self, what: impl Fn(&PolicyEvent) -> bool) -> usize {
        self.policy.driver().events.lock().unwrap().iter().filter(|event| what(event)).count()
    }

    /// Starts, and expects the first attempt.
    fn begin(&mut self) -> AttemptId {
        let Action::Attempt { id, role: AttemptRole::First } = self.next(START) else {
            panic!("no first attempt")
        };
        id
    }

    /// Waits as long as it says, and gives what comes then.
    fn wait_out(&mut self) -> Action {
        let Action::Wait { until, .. } = self.next(Event::Proceed) else { panic!("nothing to wait for") };
        assert_ne!(until, Instant::FAR);
        self.now = until;
        self.next(Event::Timer)
    }
}

fn safe() -> Facts {
    Facts { idempotent: true, replayable: true, hedgeable: true, ..Facts::default() }
}

fn off() -> PolicySpec {
    PolicySpec::OFF
}

fn retrying() -> PolicySpec {
    PolicySpec { retry: Some(RetrySpec::default()), ..off() }
}

fn status(code: u16) -> Settlement {
    let cause = Some(Cause::Status(code));
    Settlement { outcome: Outcome::Failure(Failure::Response), cause, ..Settlement::SUCCESS }
}

const BROKEN: Settlement = Settlement::failure(Failure::Broken);

fn hedging() -> PolicySpec {
    let hedge = HedgeSpec { after: HedgeDelay::Fixed(50 * MS), budget: Ratio::ONE };
    PolicySpec { hedge: Some(hedge), ..off() }
}

fn narrow() -> PolicySpec {
    let bulkhead = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 1, wait: 100 * MS };
    PolicySpec { bulkhead: Some(bulkhead), ..off() }
}
