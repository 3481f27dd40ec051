use super::{
    columns::{Aggregation, ObjectStats, Table, nanos, number},
    grown::Grown,
};
use plimsoll_task::queue;

pub(super) static TABLE: Table<1, 9, 4> = Table {
    labels: ["queue"],
    counts: [
        ("plimsoll_queue_sent_total", "Items sent."),
        ("plimsoll_queue_received_total", "Items received."),
        ("plimsoll_queue_full_total", "Times that a sender found the queue full."),
        ("plimsoll_queue_refused_total", "Items that were not sent because the queue was full."),
        ("plimsoll_queue_lost_total", "Items in the queue when its receiver was dropped."),
        ("plimsoll_queue_waits_total", "Ended waits of senders, abandoned ones included."),
        ("plimsoll_queue_wait_seconds_total", "Time of those waits."),
        ("plimsoll_queue_timed_items_total", "Items whose time in the queue was measured."),
        ("plimsoll_queue_timed_item_seconds_total", "Time of those items in the queue."),
    ],
    levels: [
        ("plimsoll_queue_depth", "Items in the queue.", Aggregation::Sum),
        ("plimsoll_queue_capacity", "Items that the queue takes.", Aggregation::Sum),
        ("plimsoll_queue_waiting", "Senders that wait.", Aggregation::Sum),
        ("plimsoll_queue_oldest_seconds", "Least age of the first item.", Aggregation::Max),
    ],
    grown: Grown::new(),
};

pub(super) fn rows() -> impl Iterator<Item = ObjectStats<1, 9, 4>> {
    queue::all_stats().into_iter().map(|queue| ObjectStats {
        name: [queue.name],
        counts: [
            queue.sent,
            queue.taken,
            queue.full,
            queue.refused,
            queue.lost,
            queue.send_wait.count,
            nanos(queue.send_wait.sum),
            queue.item_wait.count,
            nanos(queue.item_wait.sum),
        ],
        levels: [
            number(queue.depth),
            number(queue.capacity),
            f64::from(queue.waiting),
            queue.oldest.as_secs_f64(),
        ],
    })
}
