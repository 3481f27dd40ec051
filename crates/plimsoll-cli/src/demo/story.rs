//! A log of the demo's events, in plain words.

use super::{
    look::Look,
    plan::{Condition, NAMES, REPLICAS, SLOWER, Step},
    side::{WITH, WITHOUT},
};
use plimsoll_gateway::plimsoll::policy::BreakerState;
use std::{fmt, time::Duration};

/// The kind of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    /// A fault.
    Bad,
    /// A reaction to a fault.
    Act,
    /// A recovery.
    Good,
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) tone: Tone,
    pub(super) text: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5.1} s  {}", self.at.as_secs_f64(), self.text)
    }
}

/// A log that compares each sample with the one before it.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) events: Vec<Event>,
    /// The condition of each replica and the time of its last change.
    conditions: [Option<(Condition, Duration)>; REPLICAS],
    /// The events already reported of each replica's present fault.
    told: [[bool; REPLICAS]; 2],
    before: Option<Look>,
}

/// The time after a change of a replica until the figures show its effect.
const SHOWS: Duration = Duration::from_millis(2200);
/// A replica with less than this part of the responses is avoided: a third would be its share.
const AVOIDED: f64 = 0.1;

impl Story {
    /// Returns the condition of a replica.
    pub(super) fn condition(&self, replica: usize) -> Condition {
        self.conditions[replica].map_or(Condition::Well, |(condition, _)| condition)
    }

    /// Records a planned change of a replica.
    pub(super) fn step(&mut self, at: Duration, step: Step) {
        let name = NAMES[step.replica];
        let (tone, text) = match (step.condition, self.condition(step.replica)) {
            (Condition::Slow, _) => {
                (Tone::Bad, format!("{name} has turned slow: {SLOWER} times slower than before"))
            }
            (Condition::Failing, _) => {
                (Tone::Bad, format!("{name} fails: it responds to every call with 503"))
            }
            (Condition::Refusing, _) => (Tone::Bad, format!("{name} is down: it refuses connections")),
            (Condition::Well, Condition::Slow) => {
                (Tone::Good, format!("{name} is as fast as before: calls come back as its estimate fades"))
            }
            (Condition::Well, _) => (Tone::Good, format!("{name} is up again and responds well")),
        };
        // What fails and then is down has one trouble, not two.
        let since = match self.conditions[step.replica] {
            Some((before, since)) if before != Condition::Well && step.condition != Condition::Well => since,
            _ => {
                self.told.iter_mut().for_each(|told| told[step.replica] = false);
                at
            }
        };
        self.conditions[step.replica] = Some((step.condition, since));
        self.tell(at, tone, text);
    }

    /// Records the present state of both sides.
    pub(super) fn look(&mut self, at: Duration, looks: &[Look; 2]) {
        let now = &looks[WITH];
        let before = self.before.replace(now.clone()).unwrap_or_else(|| now.clone());
        for (replica, name) in NAMES.iter().enumerate() {
            self.ejection(at, replica, before.ejected_for[replica], now.ejected_for[replica]);
            match (before.unhealthy[replica], now.unhealthy[replica]) {
                (false, true) => self.tell(at, Tone::Act, format!("health checks take {name} out")),
                (true, false) => self.tell(at, Tone::Good, format!("health checks take {name} back in")),
                _ => {}
            }
            self.effects(at, replica, looks);
        }
        if let (Some(from), Some(to)) = (before.breaker, now.breaker)
            && from != to
        {
            let tone = if to == BreakerState::Closed { Tone::Good } else { Tone::Act };
            self.tell(at, tone, format!("the breaker is {}", to.name()));
        }
    }

    fn ejection(&mut self, at: Duration, replica: usize, before: Option<Duration>, now: Option<Duration>) {
        let name = NAMES[replica];
        match (before, now) {
            (None, Some(time)) => {
                let text =
                    format!("{name} is ejected for {:.1} s: its calls go elsewhere", time.as_secs_f64());
                self.tell(at, Tone::Act, text);
            }
            (Some(_), None) => self.tell(at, Tone::Good, format!("{name} is let back in")),
            _ => {}
        }
    }

    /// Reports the effect of a fault on either side, once for each fault.
    fn effects(&mut self, at: Duration, replica: usize, looks: &[Look; 2]) {
        let Some((condition, since)) = self.conditions[replica] else { return };
        if at < since + SHOWS {
            return;
        }
        let name = NAMES[replica];
        let (with, without) = (&looks[WITH].recent, &looks[WITHOUT].recent);
        let share = with.shares[replica];
        if condition == Condition::Slow && share < AVOIDED && !self.told[WITH][replica] {
            self.told[WITH][replica] = true;
            let text = format!("{name} gets {:.0} % of the calls: the others are faster", share * 100.0);
            self.tell(at, Tone::Act, text);
        }
        if self.told[WITHOUT][replica] {
            return;
        }
        let text = match condition {
            Condition::Slow if without.p99 > with.p99 * 2 => {
                format!(
                    "without policies every third call waits: p99 is {:.0} ms",
                    without.p99.as_secs_f64() * 1e3
                )
            }
            Condition::Failing | Condition::Refusing if without.bad > 0.1 => {
                format!("without policies {:.0} % of the calls fail", without.bad * 100.0)
            }
            _ => return,
        };
        self.told[WITHOUT][replica] = true;
        self.tell(at, Tone::Bad, text);
    }

    fn tell(&mut self, at: Duration, tone: Tone, text: String) {
        self.events.push(Event { at, tone, text });
    }
}

#[cfg(test)]
mod tests {
    use super::{super::plan::Plan, *};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn texts(story: &Story) -> Vec<&str> {
        story.events.iter().map(|event| event.text.as_str()).collect()
    }

    #[test]
    fn an_ejection_is_told_when_it_begins_and_when_it_ends() {
        let mut story = Story::default();
        let calm: [Look; 2] = Default::default();
        let mut ejected = calm.clone();
        story.look(seconds(1), &calm);
        ejected[WITH].ejected_for[1] = Some(Duration::from_millis(5200));
        story.look(seconds(2), &ejected);
        ejected[WITH].ejected_for[1] = Some(seconds(4));
        story.look(seconds(3), &ejected);
        story.look(seconds(8), &calm);
        assert_eq!(
            texts(&story),
            ["orders-2 is ejected for 5.2 s: its calls go elsewhere", "orders-2 is let back in"]
        );
        assert_eq!(story.events.last().map(|event| (event.at, event.tone)), Some((seconds(8), Tone::Good)));
    }

    #[test]
    fn effects_are_told_once_for_each_fault_and_not_before_they_show() {
        let mut story = Story::default();
        let plan = Plan::new(seconds(100));
        story.step(seconds(10), plan.until(seconds(10))[0]);
        let mut looks: [Look; 2] = Default::default();
        looks[WITHOUT].recent.bad = 0.33;
        for at in 10..15 {
            story.look(seconds(at), &looks);
        }
        assert_eq!(
            texts(&story),
            ["orders-2 fails: it responds to every call with 503", "without policies 33 % of the calls fail"]
        );
        assert_eq!(story.events[1].at, seconds(13));
        // From failing to refusing: the same trouble.
        story.step(seconds(20), plan.until(seconds(20))[1]);
        story.look(seconds(25), &looks);
        assert_eq!(story.events.len(), 3);
    }

    #[test]
    fn the_breaker_is_told_when_it_changes() {
        let mut story = Story::default();
        let mut looks: [Look; 2] = Default::default();
        for state in [BreakerState::Closed, BreakerState::Closed, BreakerState::Open] {
            looks[WITH].breaker = Some(state);
            story.look(seconds(1), &looks);
        }
        assert_eq!(texts(&story), ["the breaker is open"]);
    }
}
