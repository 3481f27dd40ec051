//! The table of waiters, and the search for cycles of waits.
//!
//! Only waiters are recorded here, so a free lock costs nothing. Each waiter is recorded before it looks for a cycle,
//! and the one that closes a cycle comes last: it sees all the others. Holders are read from the
//! [slots](super::holder_slot), which each task has written before it waits for anything else; a shared holder may be
//! missing there, and a cycle through it unseen.
//!
//! The search walks over entries that others change meanwhile. So at the end it checks every step once more: a wait
//! with the same ticket, on a lock with a holder of the same turn, was there for the whole time between the two checks,
//! and so all of them existed at once.

use super::{Holder, LockSite, Owner, SourceLocation, TaskLocks, core::Core, finding};
use ahash::RandomState;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};
use tokio::time::Instant;

const SHARDS: usize = 16;
/// The most recorded waiters; further ones wait unrecorded, and are counted.
const MOST: u32 = 16_384;
/// The longest cycle that is searched for.
const DEEPEST: usize = 16;
/// The most holders examined in one search, which runs inside a caller's `lock`.
const WIDEST: usize = 256;

type Shard = HashMap<Owner, SmallVec<[Edge; 1]>, RandomState>;

static SHARDED: LazyLock<[Mutex<Shard>; SHARDS]> = LazyLock::new(Default::default);
static WRITTEN: AtomicU32 = AtomicU32::new(0);
static UNSEEN: AtomicU64 = AtomicU64::new(0);

/// A wait for a lock.
#[derive(Debug, Clone)]
struct Edge {
    ticket: u64,
    core: Arc<Core>,
    location: SourceLocation,
    since: Instant,
}

/// The record of a wait.
#[derive(Debug)]
pub(super) struct Wait {
    ticket: u64,
}

/// One step of a walk: `owner` waits by `edge` for `holder`.
#[derive(Debug, Clone)]
struct CycleLink {
    owner: Owner,
    edge: Edge,
    holder: Holder,
}

/// A cycle that was seen once. A task that runs several futures can be in a cycle and get out of it.
#[derive(Debug, Clone)]
pub(crate) struct Suspect {
    links: Vec<CycleLink>,
}

/// Returns the number of waits that were not recorded because too many were.
pub(super) fn unseen() -> u64 {
    UNSEEN.load(Relaxed)
}

/// Records the wait and checks whether it closes a cycle.
pub(super) fn begin(
    core: &Arc<Core>,
    owner: Owner,
    location: SourceLocation,
    since: Instant,
) -> Option<Wait> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    if WRITTEN.fetch_add(1, Relaxed) >= MOST {
        WRITTEN.fetch_sub(1, Relaxed);
        UNSEEN.fetch_add(1, Relaxed);
        return None;
    }
    let ticket = NEXT.fetch_add(1, Relaxed);
    let edge = Edge { ticket, core: Arc::clone(core), location, since };
    shard(owner).entry(owner).or_default().push(edge.clone());
    if core.one_blocks()
        && let Some(links) = cycle(owner, edge)
    {
        finding::waits_for_itself(Suspect { links });
    }
    Some(Wait { ticket })
}

pub(super) fn end(owner: Owner, wait: &Wait) {
    let mut shard = shard(owner);
    if let Some(edges) = shard.get_mut(&owner) {
        edges.retain(|edge| edge.ticket != wait.ticket);
        if edges.is_empty() {
            shard.remove(&owner);
        }
        WRITTEN.fetch_sub(1, Relaxed);
    }
}

/// Returns the recorded waiter that has waited longest for this lock. Linear in all waiters: for findings only.
pub(super) fn first_for(core: &Core) -> Option<(Owner, SourceLocation)> {
    let mut first: Option<(Instant, Owner, SourceLocation)> = None;
    for shard in SHARDED.iter() {
        for (owner, edges) in locked(shard).iter() {
            for edge in edges.iter().filter(|edge| edge.core.id == core.id) {
                if first.is_none_or(|(since, ..)| edge.since < since) {
                    first = Some((edge.since, *owner, edge.location));
                }
            }
        }
    }
    first.map(|(_, owner, location)| (owner, location))
}

/// Returns the walk from this wait back to its owner, if there is one.
fn cycle(owner: Owner, edge: Edge) -> Option<Vec<CycleLink>> {
    let (mut path, mut looks) = (Vec::new(), WIDEST);
    let found = walk(owner, owner, edge, &mut path, &mut looks);
    (found && path.iter().all(CycleLink::stands)).then_some(path)
}

fn walk(start: Owner, owner: Owner, edge: Edge, path: &mut Vec<CycleLink>, looks: &mut usize) -> bool {
    for (_, holder) in edge.core.holders() {
        if *looks == 0 {
            return false;
        }
        *looks -= 1;
        path.push(CycleLink { owner, edge: edge.clone(), holder });
        if holder.owner == start {
            return true;
        }
        let known = path.iter().any(|link| link.owner == holder.owner);
        if !known && path.len() < DEEPEST {
            for next in waits_of(holder.owner) {
                if next.core.one_blocks() && walk(start, holder.owner, next, path, looks) {
                    return true;
                }
            }
        }
        path.pop();
    }
    false
}

impl CycleLink {
    fn stands(&self) -> bool {
        waits_of(self.owner).iter().any(|edge| edge.ticket == self.edge.ticket)
            && self.edge.core.holders().any(|(_, held)| held == self.holder)
    }
}

impl Suspect {
    /// Returns whether every link of the cycle is unchanged.
    pub(crate) fn stands(&self) -> bool {
        self.links.iter().all(CycleLink::stands)
    }

    /// Returns the start of its latest wait: before that it was no cycle.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.links.iter().map(|link| link.edge.since).max()
    }

    /// Returns the longest hold limit of its locks.
    pub(crate) fn patience(&self) -> std::time::Duration {
        self.links.iter().map(|link| link.edge.core.hold_limit()).max().unwrap_or_default()
    }

    /// Returns the locks that each of its tasks holds and wants.
    pub(crate) fn tasks(&self) -> Vec<TaskLocks> {
        // The holder of one link is the waiter of the next; the last link's holder is the first link's waiter.
        let before = self.links.iter().cycle().skip(self.links.len() - 1);
        let tasks = |(before, link): (&CycleLink, &CycleLink)| TaskLocks {
            task: link.owner,
            holds: Some(LockSite { lock: before.edge.core.name, location: before.holder.location }),
            wants: Some(LockSite { lock: link.edge.core.name, location: link.edge.location }),
        };
        before.zip(&self.links).map(tasks).collect()
    }
}

fn waits_of(owner: Owner) -> SmallVec<[Edge; 1]> {
    shard(owner).get(&owner).cloned().unwrap_or_default()
}

fn shard(owner: Owner) -> MutexGuard<'static, Shard> {
    locked(&SHARDED[owner.number() as usize % SHARDS])
}

/// Locks a shard, ignoring poison: nothing panics under the lock.
fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock()
}
