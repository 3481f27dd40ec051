use crate::script::{End, Journal, Script};
use plimsoll_policy::{Instant, PolicyEvent, call::Finish};
use std::{collections::BTreeMap, time::Duration};

/// The counts of a policy, instant by instant.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    seen: BTreeMap<String, String>,
    lines: Vec<(Duration, String)>,
}

impl Ledger {
    /// Takes down whatever has risen in these metrics, in the Prometheus format: the totals of a policy, and of its
    /// histograms the number and the sum.
    pub fn take(&mut self, at: Duration, metrics: &str) {
        for line in metrics.lines().filter(|line| line.contains("policy=\"")) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let rises = ["_total{", "_sum{", "_count{"].iter().any(|kind| series.contains(kind));
            if !rises {
                continue;
            }
            let before = self.seen.get(series).map_or("0", String::as_str);
            if before != value {
                self.lines.push((at, format!("{series} {value}")));
                self.seen.insert(series.to_owned(), value.to_owned());
            }
        }
    }

    /// Takes down how calls ended in this instant.
    pub fn ends(&mut self, at: Duration, mut ends: Vec<(usize, String)>) {
        ends.sort();
        self.lines.extend(ends.into_iter().map(|(call, how)| (at, format!("call {call} ended: {how}"))));
    }

    /// Without how calls ended, for drivers that do not tell it apart.
    #[must_use]
    pub fn without_ends(mut self) -> Self {
        self.lines.retain(|(_, line)| !line.contains(" ended: "));
        self
    }

    /// Returns whether both have the same lines up to this instant.
    pub(super) fn agrees(&self, other: &Self, until: Duration) -> bool {
        let upto = |ledger: &Self| ledger.lines.partition_point(|(at, _)| *at <= until);
        self.lines[..upto(self)] == other.lines[..upto(other)]
    }

    /// All that was taken down, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().map(|(at, line)| format!("{:>13} {line}", format!("{at:?}"))).collect()
    }
}

/// The ledger of the reference, through the same metrics: `hear` counts an event, `render` shows the counts.
pub fn of_reference(
    script: &Script,
    journal: &Journal,
    start: Instant,
    mut hear: impl FnMut(Instant, &PolicyEvent),
    render: impl Fn() -> String,
) -> Ledger {
    let (events, ends) = (journal.events(), journal.ends());
    let mut instants: Vec<Instant> =
        events.iter().map(|(at, _)| *at).chain(ends.iter().map(|(at, ..)| *at)).collect();
    instants.sort();
    instants.dedup();
    let mut ledger = Ledger::default();
    for now in instants {
        events.iter().filter(|(at, _)| *at == now).for_each(|(at, event)| hear(*at, event));
        ledger.take(now.since(start), &render());
        let ends = ends.iter().filter(|(at, ..)| *at == now);
        let ends = ends.map(|(_, call, how)| (*call, told(script, *call, how))).collect();
        ledger.ends(now.since(start), ends);
    }
    ledger
}

/// An end as the request's sender sees it.
fn told(script: &Script, call: usize, how: &Result<Finish, String>) -> String {
    match how {
        Ok(Finish::Response(id)) => match script.calls[call].attempt(id.index()).end {
            Some((_, End::Head(settlement, _))) => ended::status(status(&settlement)),
            _ => ended::BROKEN.to_owned(),
        },
        Ok(Finish::Refused(rejected)) => ended::refused(*rejected),
        Ok(Finish::TimedOut(of) | Finish::CallerTimedOut(of)) => ended::limit(*of),
        Ok(Finish::Gone) => ended::LEFT.to_owned(),
        // Whose fault it was is not told to the reader.
        Err(body) => body.split(", ").next().unwrap_or_default().to_owned(),
    }
}

/// The status of a response that means this.
pub(super) fn status(settlement: &plimsoll_policy::Settlement) -> u16 {
    match settlement.cause {
        Some(plimsoll_policy::Cause::Status(status)) => status,
        _ => 200,
    }
}

/// The words for how a call ended.
pub mod ended {
    use plimsoll_policy::{Limit, RejectedError};

    /// The connection broke.
    pub const BROKEN: &str = "broken";
    /// The caller left.
    pub const LEFT: &str = "the caller has left";
    /// The body came to its end.
    pub const BODY: &str = "body Success";
    /// The body broke off.
    pub const BODY_BROKEN: &str = "body Failure(Broken)";

    /// A response came.
    pub fn status(status: u16) -> String {
        format!("status {status}")
    }

    /// A machine said no.
    pub fn refused(rejected: RejectedError) -> String {
        format!("refused by {}: {}", rejected.by.name(), rejected.reason.name())
    }

    /// A limit ran out before a response.
    pub fn limit(limit: Limit) -> String {
        format!("limit {limit:?}")
    }

    /// A limit ran out within the body.
    pub fn body_limit(limit: Limit) -> String {
        format!("body at limit {limit:?}")
    }
}
