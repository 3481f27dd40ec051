use super::{
    columns::{Aggregation, ObjectStats, Table, nanos, number},
    grown::Grown,
};
use plimsoll_task::lock;

pub(super) static TABLE: Table<2, 5, 3> = Table {
    labels: ["lock", "kind"],
    counts: [
        ("plimsoll_lock_taken_total", "Times that a lock was taken exclusively."),
        ("plimsoll_lock_waits_total", "Ended waits for a lock, abandoned ones included."),
        ("plimsoll_lock_wait_seconds_total", "Time of those waits."),
        ("plimsoll_lock_timed_holds_total", "Timed holds: those after a wait, and samples of the others."),
        ("plimsoll_lock_timed_hold_seconds_total", "Time of those holds."),
    ],
    levels: [
        ("plimsoll_lock_waiting", "Tasks that wait for a lock.", Aggregation::Sum),
        ("plimsoll_lock_holders", "Tasks seen to hold a lock.", Aggregation::Sum),
        ("plimsoll_lock_held_seconds", "Least time for which a lock has been held.", Aggregation::Max),
    ],
    grown: Grown::new(),
};

pub(super) fn rows() -> impl Iterator<Item = ObjectStats<2, 5, 3>> {
    lock::all_stats().into_iter().map(|lock| ObjectStats {
        name: [lock.name, lock.kind.name()],
        counts: [lock.taken, lock.wait.count, nanos(lock.wait.sum), lock.hold.count, nanos(lock.hold.sum)],
        levels: [f64::from(lock.waiting), number(lock.held_at.len()), lock.held_for.as_secs_f64()],
    })
}
