//! The schedule of faults of the replicas.

use std::time::Duration;

/// The number of replicas.
pub(super) const REPLICAS: usize = 3;

/// The names of the replicas.
pub(super) const NAMES: [&str; REPLICAS] = ["orders-1", "orders-2", "orders-3"];

/// The replica that fails.
pub(super) const FAILING: usize = 1;

/// The factor by which the slow replica is slower.
pub(super) const SLOWER: u32 = 20;

/// The condition of a replica.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    /// Healthy.
    Well,
    /// Slower by the factor [`SLOWER`].
    Slow,
    /// Responds with 503 at once.
    Failing,
    /// The port is closed, and all connections are cut.
    Refusing,
}

/// A change of a replica's condition.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Step {
    /// The time, in hundredths of the run.
    at: u32,
    pub(super) replica: usize,
    pub(super) condition: Condition,
}

/// The failure comes first and ends early: an endpoint that keeps failing is ejected a little longer each time, and its
/// return must be visible in a run of any length.
const STEPS: [Step; 5] = [
    Step { at: 10, replica: FAILING, condition: Condition::Failing },
    Step { at: 20, replica: FAILING, condition: Condition::Refusing },
    Step { at: 30, replica: FAILING, condition: Condition::Well },
    Step { at: 45, replica: 2, condition: Condition::Slow },
    Step { at: 70, replica: 2, condition: Condition::Well },
];

/// The faults of a run of some length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    length: Duration,
}

impl Plan {
    pub(super) const fn new(length: Duration) -> Self {
        Self { length }
    }

    pub(super) const fn length(&self) -> Duration {
        self.length
    }

    /// Returns the steps up to `elapsed`, in order.
    pub(super) fn until(&self, elapsed: Duration) -> &'static [Step] {
        let past = STEPS.iter().take_while(|step| self.length * step.at / 100 <= elapsed);
        &STEPS[..past.count()]
    }

    /// The longest that an ejection may last so that its end is seen in the run.
    pub(super) fn longest_ejection(&self) -> Duration {
        self.length * 3 / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan::new(Duration::from_secs(100));

    #[test]
    fn steps_come_when_they_are_due() {
        assert_eq!(PLAN.until(Duration::from_millis(9_999)), []);
        assert_eq!(PLAN.until(Duration::from_secs(10)), &STEPS[..1]);
        assert_eq!(PLAN.until(Duration::from_secs(1_000)), STEPS);
    }

    #[test]
    fn all_is_well_at_the_end_and_one_at_a_time_is_not() {
        let mut now = [Condition::Well; REPLICAS];
        for step in STEPS {
            now[step.replica] = step.condition;
            assert!(now.iter().filter(|condition| **condition != Condition::Well).count() <= 1);
        }
        assert_eq!(now, [Condition::Well; REPLICAS]);
        assert!(STEPS.is_sorted_by_key(|step| step.at));
    }

    #[test]
    fn an_ejection_ends_within_the_run() {
        // It begins a moment after the first failure, and up to a tenth of its time is drawn on top.
        let first = PLAN.length * STEPS[0].at / 100;
        assert!(first + PLAN.longest_ejection() * 11 / 10 < PLAN.length / 2);
    }
}
