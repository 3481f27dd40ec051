//! The run of the demo.

use super::{
    arrivals::Arrivals,
    assertions::{Evidence, judge},
    board::Board,
    interruption::interruption,
    keys::Keys,
    load::{self, CALIBRATION, LAST_ANSWER, Lateness, Load},
    look::Sampler,
    paint::{Line, Style},
    plan::{Condition, FAILING, Plan},
    replica::Fleet,
    report::{Figures, Report},
    screen::Stream,
    side::{Side, WITH, WITHOUT, attempts_allowed, with_policies, without_policies},
    story::Story,
    view::View,
};
use crate::{exit::Exit, output::print};
use std::{io::IsTerminal as _, time::Duration};
use tokio::time::Instant;

/// The options that the user gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The total time.
    pub(crate) length: Duration,
    pub(crate) seed: u64,
    /// The summary as JSON on standard output, everything else on standard error.
    pub(crate) json: bool,
}

/// Requests a second, to each side.
const RATE: f64 = 400.0;
/// The lowest rate that shows anything.
const LEAST_RATE: f64 = 50.0;
/// The share of the machine's capacity that each side uses: the rest is for retries, for the replicas, and for the
/// machine's other work.
const LOAD: f64 = 0.15;
/// The time that starting and stopping take.
const AROUND: Duration = Duration::from_millis(600);
/// The lateness of requests that the report mentions.
const LATE: Duration = Duration::from_millis(100);
/// The interval of the samples.
const LOOK: Duration = Duration::from_millis(100);
/// How long connections may take to close at the end.
const DRAIN: Duration = Duration::from_millis(500);

/// Runs the demo. Blocks until it is over.
///
/// # Errors
/// A socket or a thread cannot be created.
pub(crate) fn run(wanted: Wanted) -> anyhow::Result<Exit> {
    let stream = if wanted.json { Stream::Error } else { Stream::Output };
    let fleet = Fleet::start(wanted.seed)?;
    let rate = calibrated(&fleet)?;
    let plan = Plan::new(wanted.length.saturating_sub(CALIBRATION + AROUND));
    let (with, shortened) = with_policies(fleet.addresses(), &plan)?;
    let sides = [Side::start(with.clone())?, Side::start(without_policies(fleet.addresses())?)?];

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begin = runtime.block_on(async { Instant::now() });
    let load = Load::start(&sides, Arrivals::new(rate, plan.length(), wanted.seed), begin)?;
    stream.write(&format!(
        "The same load, {rate:.0} requests/s, through two gateways before three replicas:\n\
         one with the policies of examples/gateway.toml, one with none.\n\
         It takes {:.0} s; {} ends it.\n\n",
        wanted.length.as_secs_f64(),
        if std::io::stdin().is_terminal() { "q" } else { "Ctrl-C" },
    ));
    let stage = Stage { fleet: &fleet, sides: &sides, plan, rate, begin };
    let seen = runtime.block_on(stage.watch(&load, stream));
    let lateness = load.join()?;

    let looks = [WITH, WITHOUT].map(|at| Sampler::default().look(&sides[at], plan.length()));
    let [with_figures, without_figures] =
        [WITH, WITHOUT].map(|at| Figures::new(&looks[at], sides[at].tally.latencies(0).1, fleet.arrived(at)));
    let good = looks[WITH].counts.good_of[FAILING];
    let evidence = Evidence {
        with: &with_figures,
        without: &without_figures,
        attempts_allowed: attempts_allowed(&with, with_figures.requests, begin.elapsed()),
        ejected: seen.ejected,
        let_back: looks[WITH].ejected_for[FAILING].is_none(),
        good_since_recovery: seen.good_at_recovery.map_or(0, |then| good - then),
    };
    let assertions = if seen.interrupted { Vec::new() } else { judge(&evidence) };
    let length = if seen.interrupted { seen.elapsed.min(plan.length()) } else { plan.length() };
    let report = Report {
        held: !seen.interrupted && assertions.iter().all(|assertion| assertion.held),
        interrupted: seen.interrupted,
        seed: wanted.seed,
        seconds: length.as_secs_f64(),
        rate: with_figures.requests as f64 / length.as_secs_f64(),
        latest_ms: lateness.worst.as_secs_f64() * 1e3,
        remarks: remarks(with_figures.requests as f64 / length.as_secs_f64(), lateness, shortened),
        with: with_figures,
        without: without_figures,
        assertions,
    };
    for Side { gateway, .. } in sides {
        gateway.drain(DRAIN);
    }
    say(&report, wanted.json, stream)?;
    Ok(if report.held { Exit::Fine } else { Exit::Failed })
}

/// Returns the rate that this machine can sustain, measured through a temporary gateway.
fn calibrated(fleet: &Fleet) -> anyhow::Result<f64> {
    let side = Side::start(without_policies(fleet.addresses())?)?;
    let capacity = load::capacity(side.address()?)?;
    side.gateway.drain(DRAIN);
    Ok((capacity * LOAD).clamp(LEAST_RATE, RATE).floor())
}

/// Returns the remarks needed to read the figures.
fn remarks(rate: f64, lateness: Lateness, shortened: Option<Duration>) -> Vec<String> {
    let mut remarks = Vec::new();
    if rate < RATE * 0.8 {
        remarks.push(format!("This machine has little to spare: {rate:.0} requests/s instead of {RATE:.0}."));
    }
    if lateness.worst > LATE {
        remarks.push(format!(
            "It was busy with something else: requests went out up to {:.0} ms late.",
            lateness.worst.as_secs_f64() * 1e3
        ));
    }
    if let Some(shortened) = shortened {
        remarks.push(format!(
            "Ejections last {:.1} s, less than in the example: their end is to be seen in so short a run.",
            shortened.as_secs_f64()
        ));
    }
    remarks
}

fn say(report: &Report, json: bool, stream: Stream) -> anyhow::Result<()> {
    if json {
        return print(format!("{:#}\n", serde_json::to_value(report)?));
    }
    let mut out = format!("\n{}\n", report.table());
    for (held, claim) in report.claims() {
        let (style, word) = if held { (Style::Green, "pass") } else { (Style::Red, "FAIL") };
        let line =
            Line::new().with(Style::Plain, "  ").with(style, word).with(Style::Plain, format!("  {claim}\n"));
        out.push_str(&line.render(usize::MAX, stream.has_colours()));
    }
    if report.interrupted {
        out.push_str("  Ended early: nothing is judged.\n");
    }
    print(out)
}

/// Observations made during the run.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    interrupted: bool,
    elapsed: Duration,
    /// The failing replica, on the side with policies.
    ejected: bool,
    /// Successful responses of that replica at the time of its recovery.
    good_at_recovery: Option<u64>,
}

struct Stage<'a> {
    fleet: &'a Fleet,
    sides: &'a [Side; 2],
    plan: Plan,
    rate: f64,
    begin: Instant,
}

impl Stage<'_> {
    /// Injects the planned faults and shows their effect, until the load is over or the user stops the demo.
    async fn watch(&self, load: &Load, stream: Stream) -> Seen {
        let mut watches: [Sampler; 2] = Default::default();
        let keys = Keys::listen();
        let mut view = View::new(stream);
        let mut story = Story::default();
        let mut seen = Seen::default();
        let mut steps = 0;
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut interrupted = std::pin::pin!(interruption(&keys));
        while !load.is_over() {
            tokio::select! {
                _ = tick.tick() => {}
                () = &mut interrupted, if !seen.interrupted => {
                    seen.interrupted = true;
                    load.stop();
                }
            }
            seen.elapsed = self.begin.elapsed();
            let past = self.plan.until(seen.elapsed);
            for step in &past[steps..] {
                self.fleet.set(step.replica, step.condition);
                story.step(seen.elapsed, *step);
                if (step.replica, step.condition) == (FAILING, Condition::Well) {
                    seen.good_at_recovery = Some(self.sides[WITH].tally.counts().good_of[FAILING]);
                }
            }
            steps = past.len();
            let looks = [WITH, WITHOUT].map(|at| watches[at].look(&self.sides[at], seen.elapsed));
            seen.ejected |= looks[WITH].ejected_for[FAILING].is_some();
            story.look(seen.elapsed, &looks);
            view.show(&Board {
                elapsed: seen.elapsed.min(self.plan.length()),
                length: self.plan.length(),
                rate: self.rate,
                looks: &looks,
                story: &story,
            });
            if seen.elapsed > self.plan.length() + LAST_ANSWER * 2 {
                break;
            }
        }
        view.end(&story);
        seen
    }
}
