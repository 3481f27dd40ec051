//! The lock order: locks taken in both orders are a deadlock that has not happened yet.
//!
//! While this is on, every lock that a task takes while it holds others adds an edge from each of those to it, by their
//! names, and an edge that closes a cycle is a finding, even if no two tasks ever met in it. After the lock validator of
//! the Linux kernel (lockdep), with a lock's name as its class.
//!
//! It costs an access to a shared table for each acquisition, so it is off by default: use it in tests and while
//! developing, and on a busy service for a few minutes. Holds from before it was switched on are unknown. Locks with the
//! same name are one class: two of them, one inside the other, are not examined.

use super::{LockSite, Owner, SourceLocation, TaskLocks, core::Core, finding};
use ahash::RandomState;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use std::{
    collections::HashMap,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

const SHARDS: usize = 16;
/// The most pairs of names that are remembered.
const MOST: usize = 4096;

static WATCHED: AtomicBool = AtomicBool::new(false);
static HOLDINGS: LazyLock<[Mutex<Holdings>; SHARDS]> = LazyLock::new(Default::default);
static ORDER: LazyLock<Mutex<LockOrder>> = LazyLock::new(Default::default);

type Holdings = HashMap<Owner, SmallVec<[LockSite; 4]>, RandomState>;

/// Switches the recording of the lock order on or off for the whole program. Off by default.
pub fn watch(on: bool) {
    WATCHED.store(on, Relaxed);
}

#[inline]
pub(super) fn is_watched() -> bool {
    WATCHED.load(Relaxed)
}

/// Records that `owner` has taken a lock.
#[cold]
pub(super) fn took(owner: Owner, core: &Core, location: SourceLocation) {
    let taken = LockSite { lock: core.name, location };
    let held: SmallVec<[LockSite; 4]> = {
        let mut holdings = holdings(owner);
        let held = holdings.entry(owner).or_default();
        let before = held.clone();
        held.push(taken);
        before
    };
    check(owner, &held, taken);
}

/// Records that `owner` is about to wait for a lock.
pub(super) fn wants(owner: Owner, core: &Core, location: SourceLocation) {
    let held = holdings(owner).get(&owner).cloned().unwrap_or_default();
    check(owner, &held, LockSite { lock: core.name, location });
}

pub(super) fn gave_back(owner: Owner, core: &Core) {
    let mut holdings = holdings(owner);
    if let Some(held) = holdings.get_mut(&owner) {
        if let Some(at) = held.iter().rposition(|site| site.lock == core.name) {
            held.remove(at);
        }
        if held.is_empty() {
            holdings.remove(&owner);
        }
    }
}

fn check(owner: Owner, held: &[LockSite], taken: LockSite) {
    for holds in held.iter().filter(|holds| holds.lock != taken.lock) {
        let edge = TaskLocks { task: owner, holds: Some(*holds), wants: Some(taken) };
        let cycle = ORDER.lock().add(edge);
        if let Some(edges) = cycle {
            finding::both_orders(edges);
        }
    }
}

/// The graph of locks taken while others were held, with the first task for each edge.
#[derive(Debug, Default)]
struct LockOrder {
    after: HashMap<&'static str, Vec<TaskLocks>, RandomState>,
    edges: usize,
}

impl LockOrder {
    /// Adds a edge and returns the cycle that it closes, itself first. A known edge closes no new cycle.
    fn add(&mut self, edge: TaskLocks) -> Option<Vec<TaskLocks>> {
        let (from, to) = (edge.holds?.lock, edge.wants?.lock);
        let known = self.after.get(from).is_some_and(|edges| edges.iter().any(|edge| leads_to(edge, to)));
        if known || self.edges == MOST {
            return None;
        }
        let mut cycle = self.path(to, from);
        if let Some(cycle) = &mut cycle {
            cycle.insert(0, edge);
        }
        self.after.entry(from).or_default().push(edge);
        self.edges += 1;
        cycle
    }

    /// Returns the shortest path from one lock to another.
    fn path(&self, from: &'static str, to: &'static str) -> Option<Vec<TaskLocks>> {
        let mut reached: Vec<(&'static str, Option<(usize, TaskLocks)>)> = vec![(from, None)];
        let mut at = 0;
        while at < reached.len() {
            for edge in self.after.get(reached[at].0).into_iter().flatten() {
                let Some(wants) = edge.wants else { continue };
                if reached.iter().any(|(lock, _)| *lock == wants.lock) {
                    continue;
                }
                reached.push((wants.lock, Some((at, *edge))));
                if wants.lock == to {
                    return Some(path_back(&reached));
                }
            }
            at += 1;
        }
        None
    }
}

/// Returns the edges by which the last one was reached.
fn path_back(reached: &[(&'static str, Option<(usize, TaskLocks)>)]) -> Vec<TaskLocks> {
    let mut edges = Vec::new();
    let mut at = reached.len() - 1;
    while let Some((before, edge)) = reached[at].1 {
        edges.push(edge);
        at = before;
    }
    edges.reverse();
    edges
}

fn leads_to(edge: &TaskLocks, lock: &str) -> bool {
    edge.wants.is_some_and(|wants| wants.lock == lock)
}

fn holdings(owner: Owner) -> MutexGuard<'static, Holdings> {
    HOLDINGS[owner.number() as usize % SHARDS].lock()
}
