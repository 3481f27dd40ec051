use super::{Ledger, ledger::ended};
use crate::{
    VirtualTime,
    script::{
        Act, Script,
        stage::{Cue, cues},
    },
};
use parking_lot::Mutex;
use plimsoll_driver::TimeSource;
use plimsoll_policy::Instant;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// The limit on waiting for expected counts, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// A log of activity and of the ends of calls. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Activity(Arc<ActivityState>);

#[derive(Debug, Default)]
struct ActivityState {
    count: AtomicU64,
    ends: Mutex<Vec<(usize, String)>>,
}

impl Activity {
    /// Notes an activity.
    pub fn note(&self) {
        self.0.count.fetch_add(1, SeqCst);
    }

    /// Notes the end of a call.
    pub fn ended(&self, call: usize, how: String) {
        self.0.ends.lock().push((call, how));
        self.note();
    }

    fn take_ends(&self) -> Vec<(usize, String)> {
        std::mem::take(&mut *self.0.ends.lock())
    }

    /// Waits until there was no activity for this time.
    async fn ceases(&self, quiet: Duration) {
        let mut before = self.0.count.load(SeqCst);
        loop {
            tokio::time::sleep(quiet).await;
            let after = self.0.count.load(SeqCst);
            if after == before {
                return;
            }
            before = after;
        }
    }
}

/// A driver with its own connections.
pub trait Wire {
    /// Whether it notes how calls end in its [`Activity`], and not only that they do.
    const TELLS_ENDS: bool;

    /// Starts this call as a task, which notes its end in its [`Activity`].
    fn start(&mut self, call: usize) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Carries out an operator's act.
    fn act(&mut self, act: &Act);

    /// Returns its metrics in the Prometheus format.
    fn metrics(&self) -> String;
}

/// Plays the script, and gives the ledger, which ends with the first instant in which it is not `expected`. Time goes on
/// when that has come about and nothing has happened for `quiet`. The seeds of `time` begin anew.
///
/// Cancel safe: dropped, the calls under way end.
pub async fn show<W: Wire>(
    script: &Script,
    time: &VirtualTime,
    activity: &Activity,
    quiet: Duration,
    expected: &Ledger,
    wire: &mut W,
) -> Ledger {
    time.reseed(script.seed);
    let start = time.now();
    let mut ledger = Ledger::default();
    let mut cues = cues(script);
    let mut calls: Vec<Option<JoinHandle<()>>> = script.calls.iter().map(|_| None).collect();
    while !cues.is_empty() || calls.iter().flatten().any(|call| !call.is_finished()) {
        let cue = cues.last().map_or(Instant::FAR, |(at, _)| start + *at);
        let now = cue.earliest(time.next_timer().unwrap_or(Instant::FAR));
        if now == Instant::FAR {
            break;
        }
        time.advance_to(now);
        while let Some((_, cue)) = cues.pop_if(|(at, _)| start + *at <= now) {
            match cue {
                Cue::Act(act) => wire.act(act),
                Cue::Leave(call) => {
                    if let Some(under_way) = calls[call].take().filter(|call| !call.is_finished()) {
                        under_way.abort();
                        activity.ended(call, ended::LEFT.to_owned());
                    }
                }
                Cue::Start(call) => calls[call] = Some(tokio::spawn(wire.start(call))),
            }
        }
        let (at, mut ends, asked) = (now.since(start), Vec::new(), std::time::Instant::now());
        let taken = loop {
            activity.ceases(quiet).await;
            let mut taken = ledger.clone();
            taken.take(at, &wire.metrics());
            ends.extend(activity.take_ends());
            if W::TELLS_ENDS {
                taken.ends(at, ends.clone());
            }
            if taken.agrees(expected, at) || asked.elapsed() > PATIENCE {
                break taken;
            }
        };
        ledger = taken;
        if !ledger.agrees(expected, at) {
            break;
        }
    }
    calls.iter().flatten().for_each(JoinHandle::abort);
    ledger
}
