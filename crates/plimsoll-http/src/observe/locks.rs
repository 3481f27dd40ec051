use super::{
    columns::{Of, Row, Table, nanos, number},
    grown::Grown,
};
use plimsoll_task::lock;

pub(super) static TABLE: Table<2, 5, 3> = Table {
    labels: ["lock", "kind"],
    counts: [
        ("plimsoll_lock_taken_total", "Times that a lock was taken exclusively."),
        ("plimsoll_lock_waits_total", "Waits for a lock that are over, given up ones among them."),
        ("plimsoll_lock_wait_seconds_total", "Time that those waits took."),
        (
            "plimsoll_lock_timed_holds_total",
            "Holdings that were timed: after a wait, and some of the others.",
        ),
        ("plimsoll_lock_timed_hold_seconds_total", "Time that those holdings took."),
    ],
    levels: [
        ("plimsoll_lock_waiting", "Who waits for a lock.", Of::Sum),
        ("plimsoll_lock_holders", "Who holds a lock, as far as they are seen.", Of::Sum),
        ("plimsoll_lock_held_seconds", "For how long a lock is being held, at least.", Of::Longest),
    ],
    grown: Grown::new(),
};

pub(super) fn rows() -> impl Iterator<Item = Row<2, 5, 3>> {
    lock::all_stats().into_iter().map(|lock| Row {
        name: [lock.name, lock.kind.name()],
        counts: [lock.taken, lock.wait.count, nanos(lock.wait.sum), lock.hold.count, nanos(lock.hold.sum)],
        levels: [f64::from(lock.waiting), number(lock.held_at.len()), lock.held_for.as_secs_f64()],
    })
}
