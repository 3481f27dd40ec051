//! What was found, kept for whoever asks: bounded, each once, with both places.

use super::{Held, Owner, Place, core::Core, waits, waits::Suspect};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};
use tokio::time::Instant;

/// Findings that are kept; then the oldest goes.
const MOST: usize = 256;
/// Cycles under suspicion; those above are found all the same, but not looked at again.
const SUSPECTS: usize = 64;

/// What kind of a finding it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A lock was held for longer than its limit. Async locks are held that long across an await, or across code that
    /// blocks. The first step says who holds and where it was taken, the second, if there is one, who waits and where.
    HeldLong,
    /// A task waits for what it holds itself.
    OnItself,
    /// Tasks wait for each other in a circle.
    Cycle,
    /// Two locks are taken in both orders. Nobody need have waited: [`order::watch`](super::order::watch).
    Order,
}

impl FindingKind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::HeldLong, Self::OnItself, Self::Cycle, Self::Order];

    /// In lower case, as a label is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeldLong => "held-long",
            Self::OnItself => "on-itself",
            Self::Cycle => "cycle",
            Self::Order => "order",
        }
    }
}

/// A lock, and a place in the source where somebody took it or asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spot {
    /// The lock's name.
    pub lock: &'static str,
    /// File, line and column.
    pub place: Place,
}

/// What one task has, and what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// Which task.
    pub task: Owner,
    /// What it holds, and where it took that.
    pub holds: Option<Spot>,
    /// What it waits for, and where.
    pub wants: Option<Spot>,
}

/// Something that should not be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// Who takes part.
    pub steps: Vec<Step>,
    /// For how long, at least. Zero for what was found as it began.
    pub lasted: Duration,
    /// Waiting for oneself or in a circle: it has stood for the longest hold limit of its locks without a change.
    /// Before that it may still come undone, where one task runs several futures at once and another of them holds
    /// the lock.
    pub certain: bool,
    /// How often it was found at the same places.
    pub times: u64,
}

impl Finding {
    fn is_like(&self, other: &Self) -> bool {
        let same = |one: &Step, other: &Step| (one.holds, one.wants) == (other.holds, other.wants);
        // A circle has no first step: whoever closed it comes first.
        let turned = |by: usize| {
            let turned = other.steps.iter().cycle().skip(by);
            self.steps.iter().zip(turned).all(|(one, other)| same(one, other))
        };
        (self.kind, self.certain, self.steps.len()) == (other.kind, other.certain, other.steps.len())
            && (0..other.steps.len()).any(turned)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.kind, self.certain) {
            (FindingKind::HeldLong, _) => "held for long",
            (FindingKind::OnItself, true) => "waits for itself",
            (FindingKind::OnItself, false) => "seems to wait for itself",
            (FindingKind::Cycle, true) => "deadlock",
            (FindingKind::Cycle, false) => "seems a deadlock",
            (FindingKind::Order, _) => "locks are taken in both orders",
        })?;
        for (at, step) in self.steps.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { ": " } else { "; " }, step.task)?;
            if let Some(held) = step.holds {
                write!(f, " holds {:?} since {}", held.lock, held.place)?;
            }
            if let Some(wanted) = step.wants {
                let and = if step.holds.is_some() { " and" } else { "" };
                write!(f, "{and} wants {:?} at {}", wanted.lock, wanted.place)?;
            }
        }
        Ok(())
    }
}

struct Kept {
    findings: VecDeque<Finding>,
    forgotten: u64,
    suspects: Vec<Suspect>,
}

type Told = Arc<dyn Fn(&Finding) + Send + Sync>;

static KEPT: Mutex<Kept> = Mutex::new(Kept { findings: VecDeque::new(), forgotten: 0, suspects: Vec::new() });
static TOLD: RwLock<Option<Told>> = RwLock::new(None);

/// What has been found, oldest first; at most 256.
pub fn findings() -> Vec<Finding> {
    kept().findings.iter().cloned().collect()
}

/// Findings that had to make room for later ones, and waits that were not looked at because 16,384 others waited.
pub fn unseen() -> u64 {
    kept().forgotten + waits::unseen()
}

/// Tells each new finding to `told`, in the place of whom was told before. It is called once for the same places,
/// within the `lock` that found it or the watch: it must not block, and must take none of the locks found.
pub fn on_finding(told: impl Fn(&Finding) + Send + Sync + 'static) {
    *TOLD.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(told));
}

/// A lock is held for longer than its limit.
pub(crate) fn held_long(core: &Core, holder: Held, waiter: Option<(Owner, Place)>, lasted: Duration) {
    let spot = |place| Some(Spot { lock: core.name, place });
    let mut steps = vec![Step { task: holder.owner, holds: spot(holder.place), wants: None }];
    let waiter = waiter.or_else(|| waits::first_for(core));
    steps.extend(waiter.map(|(task, place)| Step { task, holds: None, wants: spot(place) }));
    report(Finding { kind: FindingKind::HeldLong, steps, lasted, certain: true, times: 1 });
}

/// A wait has come round.
pub(super) fn waits_for_itself(suspect: Suspect) {
    report(suspected(&suspect, Duration::ZERO, false));
    let mut kept = kept();
    kept.suspects.retain(Suspect::stands);
    if kept.suspects.len() < SUSPECTS {
        kept.suspects.push(suspect);
    }
}

/// Two locks are taken in both orders.
pub(super) fn both_orders(steps: Vec<Step>) {
    report(Finding { kind: FindingKind::Order, steps, lasted: Duration::ZERO, certain: false, times: 1 });
}

/// Looks again at each cycle under suspicion.
pub(crate) fn look_again(now: Instant) {
    let mut certain = Vec::new();
    kept().suspects.retain(|suspect| {
        let lasted = suspect.since().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let stands = suspect.stands();
        let stuck = stands && lasted >= suspect.patience();
        if stuck {
            certain.push(suspected(suspect, lasted, true));
        }
        stands && !stuck
    });
    certain.into_iter().for_each(report);
}

fn suspected(suspect: &Suspect, lasted: Duration, certain: bool) -> Finding {
    let steps = suspect.steps();
    let kind = if steps.len() == 1 { FindingKind::OnItself } else { FindingKind::Cycle };
    Finding { kind, steps, lasted, certain, times: 1 }
}

fn report(finding: Finding) {
    {
        let mut kept = kept();
        if let Some(known) = kept.findings.iter_mut().find(|known| known.is_like(&finding)) {
            known.times += 1;
            known.lasted = known.lasted.max(finding.lasted);
            return;
        }
        if kept.findings.len() == MOST {
            kept.findings.pop_front();
            kept.forgotten += 1;
        }
        kept.findings.push_back(finding.clone());
    }
    match finding.kind {
        FindingKind::OnItself | FindingKind::Cycle if finding.certain => {
            tracing::error!(lasted = ?finding.lasted, "{finding}");
        }
        _ => tracing::warn!(lasted = ?finding.lasted, "{finding}"),
    }
    let told = TOLD.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(told) = told {
        told(&finding);
    }
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
