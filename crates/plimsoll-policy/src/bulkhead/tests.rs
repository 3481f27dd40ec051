use super::*;
use std::num::NonZeroU32;

const MS: Duration = Duration::from_millis(1);

fn spec(in_flight: u32, waiting: u32, wait: Duration) -> BulkheadSpec {
    BulkheadSpec { in_flight: NonZeroU32::new(in_flight).unwrap(), waiting, wait }
}

fn at(millis: u32) -> Instant {
    Instant::ORIGIN + MS * millis
}

fn taken(admitted: Admitted<Permit>) -> Permit {
    match admitted {
        Admitted::Now(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn queued(admitted: Admitted<Permit>) -> (Ticket, Instant) {
    match admitted {
        Admitted::Queued(ticket, until) => (ticket, until),
        other => panic!("{other:?}"),
    }
}

fn refused(admitted: Admitted<Permit>) -> Reason {
    match admitted {
        Admitted::Refused(rejected) => {
            assert_eq!(rejected.by, Machine::Bulkhead);
            rejected.reason
        }
        other => panic!("{other:?}"),
    }
}

fn granted(claim: Claim<Permit>) -> (Permit, Duration) {
    match claim {
        Claim::Granted { permit, waited } => (permit, waited),
        other => panic!("{other:?}"),
    }
}

fn join(bulkhead: &Bulkhead, now: Instant) -> Admitted<Permit> {
    bulkhead.admit(now, Ask::default())
}

fn done(bulkhead: &Bulkhead, permit: Permit, now: Instant) -> Option<Ticket> {
    bulkhead.settle(permit, now).0
}

#[test]
fn a_freed_place_goes_to_the_first_in_line_and_never_to_a_newcomer() {
    let bulkhead = Bulkhead::new(spec(1, 8, 100 * MS));
    let permit = taken(join(&bulkhead, at(0)));
    let (first, _) = queued(join(&bulkhead, at(1)));
    let (second, _) = queued(join(&bulkhead, at(2)));
    assert_eq!(done(&bulkhead, permit, at(3)), Some(first));
    // Handed over, not freed: the newcomer finds nothing, though the first has not come for it yet.
    let (third, _) = queued(join(&bulkhead, at(3)));
    assert_eq!(bulkhead.claim(second, at(3)), Claim::Waiting);
    let (permit, waited) = granted(bulkhead.claim(first, at(5)));
    assert_eq!(waited, 4 * MS);
    assert_eq!(bulkhead.claim(first, at(5)), Claim::Gone);
    assert_eq!(done(&bulkhead, permit, at(6)), Some(second));
    let (permit, _) = granted(bulkhead.claim(second, at(6)));
    assert_eq!(done(&bulkhead, permit, at(7)), Some(third));
}

#[test]
fn the_line_is_bounded_and_a_line_of_none_refuses_at_once() {
    let bulkhead = Bulkhead::new(spec(1, 1, 100 * MS));
    let _held = taken(join(&bulkhead, at(0)));
    queued(join(&bulkhead, at(0)));
    assert_eq!(refused(join(&bulkhead, at(0))), Reason::QueueFull);

    let none = Bulkhead::new(spec(1, 0, 100 * MS));
    let held = taken(join(&none, at(0)));
    assert_eq!(refused(join(&none, at(0))), Reason::QueueFull);
    assert_eq!(done(&none, held, at(1)), None);
    taken(join(&none, at(1)));
    assert_eq!(none.slots(), 0);
}

#[test]
fn waits_end_at_the_earlier_of_limit_and_deadline() {
    let bulkhead = Bulkhead::new(spec(1, 8, 100 * MS));
    let _held = taken(join(&bulkhead, at(0)));
    let by = |deadline| Ask { deadline, ..Ask::default() };
    assert_eq!(queued(bulkhead.admit(at(10), by(at(40)))).1, at(40));
    assert_eq!(queued(bulkhead.admit(at(10), by(at(400)))).1, at(110));
    assert_eq!(refused(bulkhead.admit(at(10), by(at(10)))), Reason::DeadlineExceeded);
}

#[test]
fn waiters_past_their_limit_are_passed_over() {
    let bulkhead = Bulkhead::new(spec(1, 2, 10 * MS));
    let permit = taken(join(&bulkhead, at(0)));
    let (late, _) = queued(join(&bulkhead, at(0)));
    let (alive, _) = queued(join(&bulkhead, at(5)));
    assert_eq!(done(&bulkhead, permit, at(10)), Some(alive));
    assert_eq!(bulkhead.claim(late, at(10)), Claim::Gone);
    assert_eq!(bulkhead.give_up(late), GaveUp::Left);
    assert_eq!(bulkhead.snapshot(at(10)).waiting, 0);
}

#[test]
fn forgotten_waiters_do_not_fill_the_line_for_ever() {
    let bulkhead = Bulkhead::new(spec(1, 1, 10 * MS));
    let permit = taken(join(&bulkhead, at(0)));
    queued(join(&bulkhead, at(0)));
    assert_eq!(refused(join(&bulkhead, at(9))), Reason::QueueFull);
    let (next, _) = queued(join(&bulkhead, at(10)));
    assert_eq!(done(&bulkhead, permit, at(11)), Some(next));
}

#[test]
fn who_gives_up_after_being_granted_gets_the_place_and_passes_it_on() {
    let bulkhead = Bulkhead::new(spec(1, 2, 100 * MS));
    let permit = taken(join(&bulkhead, at(0)));
    let (first, _) = queued(join(&bulkhead, at(0)));
    let (second, _) = queued(join(&bulkhead, at(0)));
    assert_eq!(done(&bulkhead, permit, at(1)), Some(first));
    let GaveUp::AlreadyGranted(permit) = bulkhead.give_up(first) else { panic!() };
    assert_eq!(bulkhead.give_up(first), GaveUp::Left, "only once");
    assert_eq!(bulkhead.settle(permit, at(1)).0, Some(second));
}

#[test]
fn a_line_that_empties_opens_the_way_again() {
    let bulkhead = Bulkhead::new(spec(1, 2, 100 * MS));
    let permit = taken(join(&bulkhead, at(0)));
    let (only, _) = queued(join(&bulkhead, at(0)));
    assert_eq!(bulkhead.give_up(only), GaveUp::Left);
    assert_eq!(done(&bulkhead, permit, at(1)), None);
    taken(join(&bulkhead, at(1)));
}

#[test]
fn a_larger_limit_lets_several_go_on_and_a_smaller_one_drains() {
    let bulkhead = Bulkhead::new(spec(1, 8, 100 * MS));
    let first = taken(join(&bulkhead, at(0)));
    let tickets: Vec<_> = (0..4).map(|_| queued(join(&bulkhead, at(0))).0).collect();
    bulkhead.update(spec(3, 8, 50 * MS));
    let woken: Vec<_> = std::iter::from_fn(|| bulkhead.hand_over(at(1), QueueOrder::OldestFirst).0).collect();
    assert_eq!(woken, tickets[..2]);
    let shown = bulkhead.snapshot(at(2));
    assert_eq!((shown.in_flight, shown.waiting, shown.oldest_wait), (3, 2, 2 * MS));
    assert_eq!(shown.spec, spec(3, 8, 50 * MS));

    bulkhead.update(spec(1, 8, 50 * MS));
    assert_eq!(done(&bulkhead, first, at(3)), None, "three in flight, one allowed");
    let (permit, _) = granted(bulkhead.claim(woken[0], at(3)));
    assert_eq!(done(&bulkhead, permit, at(3)), None);
    let (permit, _) = granted(bulkhead.claim(woken[1], at(3)));
    assert_eq!(done(&bulkhead, permit, at(3)), Some(tickets[2]));
}

#[test]
fn newest_first_serves_the_last_and_drops_those_who_waited_too_long() {
    let bulkhead = Bulkhead::new(spec(1, 8, 100 * MS));
    let order = QueueOrder::NewestFirst { drop_after: 10 * MS };
    let permit = taken(join(&bulkhead, at(0)));
    let (old, _) = queued(join(&bulkhead, at(0)));
    let (middle, _) = queued(join(&bulkhead, at(15)));
    let (new, until) = queued(bulkhead.admit_in(at(18), Ask::default(), order));
    assert_eq!(until, at(28), "told at once how short its wait is");
    assert_eq!(bulkhead.settle_in(permit, at(20), order).0, Some(new));
    assert_eq!(bulkhead.claim(old, at(20)), Claim::Gone);
    assert_eq!(bulkhead.claim(middle, at(20)), Claim::Waiting);
    let (permit, _) = granted(bulkhead.claim(new, at(20)));
    assert_eq!(done(&bulkhead, permit, at(21)), Some(middle));
}

#[test]
fn a_line_of_nothing_but_the_too_old_leaves_the_place_free() {
    let bulkhead = Bulkhead::new(spec(1, 8, 100 * MS));
    let order = QueueOrder::NewestFirst { drop_after: 10 * MS };
    let permit = taken(join(&bulkhead, at(0)));
    let _old = queued(join(&bulkhead, at(0)));
    assert_eq!(bulkhead.settle_in(permit, at(50), order).0, None);
    taken(join(&bulkhead, at(50)));
}

#[test]
fn a_permit_settled_twice_harms_no_other_count() {
    let bulkhead = Bulkhead::new(spec(1, 1, 100 * MS));
    let permit = taken(join(&bulkhead, at(0)));
    done(&bulkhead, permit, at(0));
    done(&bulkhead, permit, at(0));
    let shown = bulkhead.snapshot(at(0));
    assert_eq!((shown.in_flight, shown.waiting, shown.spec.in_flight.get()), (0, 0, 1));
}

#[test]
fn memory_is_as_stated() {
    assert_eq!(size_of::<Bulkhead>(), 128);
    assert_eq!(Bulkhead::new(spec(1024, 256, MS)).slots(), 512);
    assert_eq!(Bulkhead::new(spec(2, 256, MS)).slots(), 258);
    assert_eq!(Bulkhead::new(spec(1024, 1, MS)).slots(), 65);
}

#[test]
fn shared_between_threads_it_never_lets_in_more_than_its_limit() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let (bulkhead, inside) = (Bulkhead::new(spec(3, 4, 100 * MS)), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let permit = match join(&bulkhead, at(0)) {
                        Admitted::Now(permit) => permit,
                        Admitted::Queued(ticket, _) => match bulkhead.give_up(ticket) {
                            GaveUp::AlreadyGranted(permit) => permit,
                            GaveUp::Left => continue,
                        },
                        _ => continue,
                    };
                    assert!(inside.fetch_add(1, Ordering::Relaxed) < 3);
                    inside.fetch_sub(1, Ordering::Relaxed);
                    let _ = done(&bulkhead, permit, at(0));
                }
            });
        }
    });
    let shown = bulkhead.snapshot(at(0));
    assert_eq!((shown.in_flight, shown.waiting), (0, 0));
}
