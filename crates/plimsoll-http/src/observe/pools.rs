use super::{
    columns::{Aggregation, ObjectStats, Table, nanos, number},
    grown::Grown,
};
use plimsoll_task::pool;

pub(super) static TABLE: Table<1, 9, 6> = Table {
    labels: ["pool"],
    counts: [
        ("plimsoll_pool_refused_total", "Work not begun because the queue was full."),
        ("plimsoll_pool_late_total", "Work not begun because its deadline had passed."),
        ("plimsoll_pool_given_up_total", "Work not begun because its caller had left."),
        ("plimsoll_pool_dropped_total", "Work not begun because the pool was closed."),
        ("plimsoll_pool_panics_total", "Work that panicked."),
        ("plimsoll_pool_waits_total", "Work that has begun."),
        ("plimsoll_pool_wait_seconds_total", "Time that it had waited for a thread."),
        ("plimsoll_pool_runs_total", "Work that has ended."),
        ("plimsoll_pool_run_seconds_total", "Time that it ran."),
    ],
    levels: [
        ("plimsoll_pool_threads", "Threads of the pool.", Aggregation::Sum),
        ("plimsoll_pool_threads_limit", "Threads that the pool may have.", Aggregation::Sum),
        ("plimsoll_pool_running", "Threads that have work.", Aggregation::Sum),
        ("plimsoll_pool_queued", "Work that has not begun.", Aggregation::Sum),
        ("plimsoll_pool_capacity", "Work that may wait for a thread.", Aggregation::Sum),
        ("plimsoll_pool_oldest_seconds", "How long the first waiting work has waited.", Aggregation::Max),
    ],
    grown: Grown::new(),
};

pub(super) fn rows() -> impl Iterator<Item = ObjectStats<1, 9, 6>> {
    pool::all_stats().into_iter().map(|pool| ObjectStats {
        name: [pool.name],
        counts: [
            pool.full,
            pool.late,
            pool.given_up,
            pool.dropped,
            pool.panicked,
            pool.wait.count,
            nanos(pool.wait.sum),
            pool.run.count,
            nanos(pool.run.sum),
        ],
        levels: [
            number(pool.threads),
            number(pool.threads_most),
            number(pool.running),
            number(pool.queued),
            number(pool.capacity),
            pool.oldest.as_secs_f64(),
        ],
    })
}
