//! The terminal screen of a running demo: 24 lines of 80 characters.

use super::{
    look::Look,
    paint::{Line, Style, bar},
    plan::{Condition, NAMES, REPLICAS, SLOWER},
    side::{WITH, WITHOUT},
    story::Story,
};
use plimsoll_gateway::plimsoll::policy::BreakerState;
use std::time::Duration;

/// The positions of the two sides' columns.
const COLUMNS: [usize; 2] = [26, 54];
/// The length of a full bar.
const SHARE: usize = 12;
const PROGRESS: usize = 24;

/// Everything that is shown at one moment.
#[derive(Debug)]
pub(super) struct Board<'a> {
    pub(super) elapsed: Duration,
    pub(super) length: Duration,
    pub(super) rate: f64,
    pub(super) looks: &'a [Look; 2],
    pub(super) story: &'a Story,
}

impl Board<'_> {
    /// Returns at most `rows` lines, with as many of the latest events as fit.
    pub(super) fn lines(&self, rows: usize) -> Vec<Line> {
        let part = self.elapsed.as_secs_f64() / self.length.as_secs_f64();
        let title = Line::new()
            .with(Style::Strong, " plimsoll demo  ")
            .with(
                Style::Plain,
                format!("{:>4.1} of {:.0} s  ", self.elapsed.as_secs_f64(), self.length.as_secs_f64()),
            )
            .with(Style::Green, bar(part, PROGRESS))
            .with(Style::Faint, "░".repeat(PROGRESS - bar(part, PROGRESS).chars().count()))
            .with(Style::Plain, format!("  {:.0} requests/s each", self.rate));
        let mut lines = vec![title, Line::new(), heading()];
        lines.extend(self.figures());
        lines.extend((0..REPLICAS).map(|replica| self.replica(replica)));
        lines.push(Line::new());
        let room = rows.saturating_sub(lines.len() + 1);
        lines.push(Line::new().with(Style::Strong, " what happened"));
        let events = &self.story.events;
        lines.extend(events[events.len().saturating_sub(room)..].iter().map(|event| {
            Line::new()
                .with(Style::Faint, format!(" {:>5.1} s  ", event.at.as_secs_f64()))
                .with(event.tone.into(), event.text.clone())
        }));
        lines.truncate(rows);
        lines
    }

    fn figures(&self) -> Vec<Line> {
        let [with, without] = self.looks;
        let row = |name: &str, of: &dyn Fn(&Look) -> (Style, String)| {
            let ((one, left), (other, right)) = (of(with), of(without));
            let line = Line::new().with(Style::Faint, format!(" {name}")).to(COLUMNS[WITH]).with(one, left);
            line.to(COLUMNS[WITHOUT]).with(other, right)
        };
        let alarm = |wrong: bool| if wrong { Style::Red } else { Style::Plain };
        vec![
            row("good responses", &|look| (Style::Strong, format!("{:.0}/s", look.recent.goodput))),
            row("failed", &|look| {
                (alarm(look.recent.bad >= 0.005), format!("{:.1} %", look.recent.bad * 100.0))
            }),
            row("p50, p99", &|look| {
                let slow = look.recent.p99 > Duration::from_millis(200);
                (alarm(slow), format!("{}, {} ms", millis(look.recent.p50), millis(look.recent.p99)))
            }),
            row("failed so far", &|look| {
                (alarm(look.counts.bad() > 0), format!("{} of {}", look.counts.bad(), look.counts.sent))
            }),
            row("attempts per request", &|look| (Style::Plain, format!("{:.3}", look.amplification()))),
            row("retries, hedges", &|look| {
                (Style::Plain, format!("{}, {}", look.policy.retry_attempts, look.policy.hedge_attempts))
            }),
            row("breaker", &|look| match look.breaker {
                None => (Style::Faint, "none".into()),
                Some(BreakerState::Closed) => (Style::Plain, "closed".into()),
                Some(state) => (Style::Red, state.name().into()),
            }),
            row("ejections", &|look| (Style::Plain, look.ejections.to_string())),
        ]
    }

    /// Returns the line of a replica: its condition, and its share of the responses on either side.
    fn replica(&self, replica: usize) -> Line {
        let (style, condition) = match self.story.condition(replica) {
            Condition::Well => (Style::Green, "well".to_owned()),
            Condition::Slow => (Style::Red, format!("slow (×{SLOWER})")),
            Condition::Failing => (Style::Red, "returns 503".into()),
            Condition::Refusing => (Style::Red, "refuses".into()),
        };
        let mut line =
            Line::new().with(Style::Plain, format!(" {}  ", NAMES[replica])).with(style, condition);
        for (side, look) in self.looks.iter().enumerate() {
            line = line.to(COLUMNS[side]);
            line = match look.ejected_for[replica] {
                Some(left) => line.with(Style::Yellow, format!("ejected, {:.1} s left", left.as_secs_f64())),
                None if look.unhealthy[replica] => line.with(Style::Yellow, "unhealthy"),
                None => {
                    let share = look.recent.shares[replica];
                    line.with(Style::Plain, format!("{} {:.0} %", bar(share, SHARE), share * 100.0))
                }
            };
        }
        line
    }

    /// Returns one line, for an output that is no terminal.
    pub(super) fn plain(&self) -> String {
        let [with, without] = self.looks.each_ref().map(|look| {
            let recent = &look.recent;
            format!(
                "{:.0}/s good, {:.1} % failed, p99 {} ms",
                recent.goodput,
                recent.bad * 100.0,
                millis(recent.p99)
            )
        });
        let look = &self.looks[WITH];
        let breaker = look.breaker.map_or("none", BreakerState::name);
        format!(
            "{:>5.1} s  with: {with}, {:.3} attempts, breaker {breaker}, {} ejections | without: {without}",
            self.elapsed.as_secs_f64(),
            look.amplification(),
            look.ejections,
        )
    }
}

fn heading() -> Line {
    let line = Line::new().to(COLUMNS[WITH]).with(Style::Strong, "with policies");
    line.to(COLUMNS[WITHOUT]).with(Style::Strong, "without")
}

/// Whole milliseconds, or tenths where there are few.
pub(super) fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
}

#[cfg(test)]
mod tests {
    use super::{super::plan::Plan, *};

    fn story(events: usize) -> Story {
        let mut story = Story::default();
        let steps = Plan::new(Duration::from_secs(100)).until(Duration::from_secs(100));
        for at in 0..events {
            story.step(Duration::from_secs(at as u64), steps[at % steps.len()]);
        }
        story
    }

    fn board(looks: &[Look; 2], story: &Story, rows: usize) -> Vec<String> {
        let (elapsed, length) = (Duration::from_secs(12), Duration::from_secs(600));
        let board = Board { elapsed, length, rate: 400.0, looks, story };
        board.lines(rows).iter().map(|line| line.render(usize::MAX, false)).collect()
    }

    #[test]
    fn it_fits_a_terminal_of_80_by_24() {
        let mut looks: [Look; 2] = Default::default();
        for look in &mut looks {
            look.counts.sent = 240_000;
            look.counts.lost = 123_456;
            look.policy.calls = 240_000;
            look.policy.retry_attempts = 100_000;
            look.policy.hedge_attempts = 100_000;
            look.recent.p50 = Duration::from_millis(4_900);
            look.recent.p99 = Duration::from_millis(4_999);
            look.recent.shares = [1.0; REPLICAS];
            look.ejected_for[1] = Some(Duration::from_secs(300));
        }
        let lines = board(&looks, &story(40), 24);
        assert_eq!(lines.len(), 24);
        for line in &lines {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn the_latest_events_are_shown_and_short_screens_are_cut() {
        let looks: [Look; 2] = Default::default();
        let lines = board(&looks, &story(40), 24);
        assert!(lines[23].starts_with("  39.0 s  "), "{}", lines[23]);
        assert_eq!(board(&looks, &story(40), 5).len(), 5);
        assert!(board(&looks, &story(0), 24).len() < 24);
    }
}
