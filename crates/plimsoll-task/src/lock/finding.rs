//! Findings about locks: a bounded list, each finding once, with the locations of both sides.

use super::{
    Holder, Owner, SourceLocation,
    core::Core,
    waits::{self, Suspect},
};
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// The most findings that are kept; then the oldest is dropped.
const MOST: usize = 256;
/// The most suspected cycles; further ones are reported, but not checked again.
const SUSPECTS: usize = 64;

/// The kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A lock was held for longer than its limit, across an await or across code that blocks. The first task is the holder,
    /// the second, if there is one, a waiter.
    HeldLong,
    /// A task waits for a lock that it holds itself.
    OnItself,
    /// Tasks wait for each other in a cycle.
    Cycle,
    /// Two locks are taken in both orders, even if no task has waited: [`order::watch`](super::order::watch).
    Order,
}

impl FindingKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::HeldLong, Self::OnItself, Self::Cycle, Self::Order];

    /// Returns the name, in lower case, for labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeldLong => "held-long",
            Self::OnItself => "on-itself",
            Self::Cycle => "cycle",
            Self::Order => "order",
        }
    }
}

/// A lock, and the location in the source where it was taken or waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LockSite {
    /// The lock's name.
    pub lock: &'static str,
    /// File, line and column.
    pub location: SourceLocation,
}

/// The locks that one task holds and wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskLocks {
    /// The task.
    pub task: Owner,
    /// The lock that it holds, and where it took it.
    pub holds: Option<LockSite>,
    /// The lock that it waits for, and where.
    pub wants: Option<LockSite>,
}

/// A fault in the use of locks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// The kind.
    pub kind: FindingKind,
    /// The tasks that take part, each with its locks.
    pub tasks: Vec<TaskLocks>,
    /// The least duration so far. Zero for a finding that was made as it began.
    pub lasted: Duration,
    /// For waits on oneself and cycles: whether it has stood unchanged for the longest hold limit of its locks. Before that
    /// it may still resolve, if one task runs several futures at once and another of them holds the lock.
    pub certain: bool,
    /// The number of times it was found at the same locations.
    pub times: u64,
}

impl Finding {
    fn is_like(&self, other: &Self) -> bool {
        let same = |one: &TaskLocks, other: &TaskLocks| (one.holds, one.wants) == (other.holds, other.wants);
        // A cycle has no first task: the task that closed it comes first.
        let turned = |by: usize| {
            let turned = other.tasks.iter().cycle().skip(by);
            self.tasks.iter().zip(turned).all(|(one, other)| same(one, other))
        };
        (self.kind, self.certain, self.tasks.len()) == (other.kind, other.certain, other.tasks.len())
            && (0..other.tasks.len()).any(turned)
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
        for (at, locks) in self.tasks.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { ": " } else { "; " }, locks.task)?;
            if let Some(held) = locks.holds {
                write!(f, " holds {:?} since {}", held.lock, held.location)?;
            }
            if let Some(wanted) = locks.wants {
                let and = if locks.holds.is_some() { " and" } else { "" };
                write!(f, "{and} wants {:?} at {}", wanted.lock, wanted.location)?;
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

type FindingHook = Arc<dyn Fn(&Finding) + Send + Sync>;

static KEPT: Mutex<Kept> = Mutex::new(Kept { findings: VecDeque::new(), forgotten: 0, suspects: Vec::new() });
static HOOK: RwLock<Option<FindingHook>> = RwLock::new(None);

/// Returns the findings, oldest first; at most 256.
pub fn findings() -> Vec<Finding> {
    kept().findings.iter().cloned().collect()
}

/// Returns the number of findings dropped for later ones, and of waits not examined because 16,384 others waited.
pub fn unseen() -> u64 {
    kept().forgotten + waits::unseen()
}

/// Sets the hook that is called with each new finding, replacing the former one. It is called once for the same
/// locations, inside the `lock` call or the monitor that found it: it must not block, nor take any of the locks found.
pub fn on_finding(hook: impl Fn(&Finding) + Send + Sync + 'static) {
    *HOOK.write() = Some(Arc::new(hook));
}

/// Reports a lock that is held for longer than its limit.
pub(crate) fn held_long(
    core: &Core,
    holder: Holder,
    waiter: Option<(Owner, SourceLocation)>,
    lasted: Duration,
) {
    let site = |location| Some(LockSite { lock: core.name, location });
    let mut tasks = vec![TaskLocks { task: holder.owner, holds: site(holder.location), wants: None }];
    let waiter = waiter.or_else(|| waits::first_for(core));
    tasks.extend(waiter.map(|(task, location)| TaskLocks { task, holds: None, wants: site(location) }));
    report(Finding { kind: FindingKind::HeldLong, tasks, lasted, certain: true, times: 1 });
}

/// Reports a cycle of waits.
pub(super) fn waits_for_itself(suspect: Suspect) {
    report(suspected(&suspect, Duration::ZERO, false));
    let mut kept = kept();
    kept.suspects.retain(Suspect::stands);
    if kept.suspects.len() < SUSPECTS {
        kept.suspects.push(suspect);
    }
}

/// Reports two locks that are taken in both orders.
pub(super) fn both_orders(tasks: Vec<TaskLocks>) {
    report(Finding { kind: FindingKind::Order, tasks, lasted: Duration::ZERO, certain: false, times: 1 });
}

/// Checks each suspected cycle again.
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
    let tasks = suspect.tasks();
    let kind = if tasks.len() == 1 { FindingKind::OnItself } else { FindingKind::Cycle };
    Finding { kind, tasks, lasted, certain, times: 1 }
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
    let hook = HOOK.read().clone();
    if let Some(hook) = hook {
        hook(&finding);
    }
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock()
}
