//! Who waits for what, and whether that comes round to oneself.
//!
//! Only who waits is written down here, so a lock that is free costs nothing. Each waiter is written down before it
//! looks for a cycle, and whoever closes one came last: it sees all the others. Those who hold are read from the
//! [seats](super::seat), which each task has written before it waits for anything else; who shares a lock may be missing
//! there, and a cycle through it unseen.
//!
//! The search walks over what others change meanwhile. So when it has come round it looks at every step once more: a
//! wait with the same ticket, on a lock with a holder of the same turn, was there all the while between the two looks,
//! and so all of them were there at once.

use super::{Held, Owner, Place, Spot, Step, core::Core, finding};
use ahash::RandomState;
use smallvec::SmallVec;
use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};
use tokio::time::Instant;

const SHARDS: usize = 16;
/// Waiters that are written down; those above wait unseen, and are counted.
const MOST: u32 = 16_384;
/// Steps of a cycle.
const DEEPEST: usize = 16;
/// Holders looked at in one search: it runs inside of somebody's `lock`.
const WIDEST: usize = 256;

type Shard = HashMap<Owner, SmallVec<[Edge; 1]>, RandomState>;

static SHARDED: LazyLock<[Mutex<Shard>; SHARDS]> = LazyLock::new(Default::default);
static WRITTEN: AtomicU32 = AtomicU32::new(0);
static UNSEEN: AtomicU64 = AtomicU64::new(0);

/// Somebody waits for a lock.
#[derive(Debug, Clone)]
struct Edge {
    ticket: u64,
    core: Arc<Core>,
    place: Place,
    since: Instant,
}

/// A wait that is written down.
#[derive(Debug)]
pub(super) struct Wait {
    ticket: u64,
}

/// One step of a walk: `owner` waits by `edge` for what `holder` has.
#[derive(Debug, Clone)]
struct Link {
    owner: Owner,
    edge: Edge,
    holder: Held,
}

/// A cycle that was seen once. Whoever runs several futures in one task can be in one and get out of it.
#[derive(Debug, Clone)]
pub(crate) struct Suspect {
    links: Vec<Link>,
}

/// Waits that were not looked at, because too many waited already.
pub(super) fn unseen() -> u64 {
    UNSEEN.load(Relaxed)
}

/// Writes the wait down and looks whether it closes a cycle.
pub(super) fn begin(core: &Arc<Core>, owner: Owner, place: Place, since: Instant) -> Option<Wait> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    if WRITTEN.fetch_add(1, Relaxed) >= MOST {
        WRITTEN.fetch_sub(1, Relaxed);
        UNSEEN.fetch_add(1, Relaxed);
        return None;
    }
    let ticket = NEXT.fetch_add(1, Relaxed);
    let edge = Edge { ticket, core: Arc::clone(core), place, since };
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

/// Who has waited longest for that lock, of those that are written down. Looks at all of them: for findings.
pub(super) fn first_for(core: &Core) -> Option<(Owner, Place)> {
    let mut first: Option<(Instant, Owner, Place)> = None;
    for shard in SHARDED.iter() {
        for (owner, edges) in locked(shard).iter() {
            for edge in edges.iter().filter(|edge| edge.core.id == core.id) {
                if first.is_none_or(|(since, ..)| edge.since < since) {
                    first = Some((edge.since, *owner, edge.place));
                }
            }
        }
    }
    first.map(|(_, owner, place)| (owner, place))
}

/// The walk from that wait back to its owner, if there is one.
fn cycle(owner: Owner, edge: Edge) -> Option<Vec<Link>> {
    let (mut path, mut looks) = (Vec::new(), WIDEST);
    let found = walk(owner, owner, edge, &mut path, &mut looks);
    (found && path.iter().all(Link::stands)).then_some(path)
}

fn walk(start: Owner, owner: Owner, edge: Edge, path: &mut Vec<Link>, looks: &mut usize) -> bool {
    for (_, holder) in edge.core.held() {
        if *looks == 0 {
            return false;
        }
        *looks -= 1;
        path.push(Link { owner, edge: edge.clone(), holder });
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

impl Link {
    fn stands(&self) -> bool {
        waits_of(self.owner).iter().any(|edge| edge.ticket == self.edge.ticket)
            && self.edge.core.held().any(|(_, held)| held == self.holder)
    }
}

impl Suspect {
    /// Whether all of it is still as it was.
    pub(crate) fn stands(&self) -> bool {
        self.links.iter().all(Link::stands)
    }

    /// The youngest of its waits: before that it was no cycle.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.links.iter().map(|link| link.edge.since).max()
    }

    /// The longest hold limit of its locks.
    pub(crate) fn patience(&self) -> std::time::Duration {
        self.links.iter().map(|link| link.edge.core.hold_limit()).max().unwrap_or_default()
    }

    /// What each of its tasks has, and what it wants.
    pub(crate) fn steps(&self) -> Vec<Step> {
        // Who holds in one link is who waits in the next, and the last one's holder is the first one's waiter.
        let before = self.links.iter().cycle().skip(self.links.len() - 1);
        let step = |(before, link): (&Link, &Link)| Step {
            task: link.owner,
            holds: Some(Spot { lock: before.edge.core.name, place: before.holder.place }),
            wants: Some(Spot { lock: link.edge.core.name, place: link.edge.place }),
        };
        before.zip(&self.links).map(step).collect()
    }
}

fn waits_of(owner: Owner) -> SmallVec<[Edge; 1]> {
    shard(owner).get(&owner).cloned().unwrap_or_default()
}

fn shard(owner: Owner) -> MutexGuard<'static, Shard> {
    locked(&SHARDED[owner.number() as usize % SHARDS])
}

/// Nothing under the lock can leave it half done.
fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
