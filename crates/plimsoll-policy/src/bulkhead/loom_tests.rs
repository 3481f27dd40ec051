//! Every interleaving of the races that matter: over the limit never, and nobody left behind.

use super::*;
use crate::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::{sync::Arc, thread};

const NOW: Instant = Instant::ORIGIN;
const LATER: Instant = Instant::FAR;

fn gate(limit: u32) -> Arc<Gate> {
    Arc::new(Gate::new(limit, 2, Duration::from_secs(1)))
}

fn release(gate: &Gate) -> Option<Ticket> {
    gate.release(NOW, QueueOrder::OldestFirst).0
}

fn enter(gate: &Gate) -> Entry {
    gate.admit(NOW, LATER, QueueOrder::OldestFirst)
}

/// Enters and leaves once, if admitted; the waiter that is woken by leaving enters by its own ticket.
fn visit(gate: &Gate, inside: &AtomicU32, limit: u32) -> Option<Ticket> {
    match enter(gate) {
        Entry::Now(_) => {
            assert!(inside.fetch_add(1, Relaxed) < limit);
            inside.fetch_sub(1, Relaxed);
            release(gate)
        }
        Entry::Queued(ticket, _) => {
            if gate.give_up(ticket) {
                assert!(inside.fetch_add(1, Relaxed) < limit);
                inside.fetch_sub(1, Relaxed);
                release(gate)
            } else {
                None
            }
        }
        Entry::Full | Entry::TooLate => None,
    }
}

fn empty(gate: &Gate) -> bool {
    let shown = gate.snapshot(NOW);
    shown.in_flight == 0 && shown.waiting == 0
}

#[test]
fn loom_never_above_the_limit() {
    loom::model(|| {
        let (gate, inside) = (gate(1), Arc::new(AtomicU32::new(0)));
        let other = {
            let (gate, inside) = (gate.clone(), inside.clone());
            thread::spawn(move || {
                visit(&gate, &inside, 1);
            })
        };
        visit(&gate, &inside, 1);
        other.join().unwrap();
        assert!(empty(&gate));
    });
}

#[test]
fn loom_a_waiter_that_joins_while_a_place_is_freed_is_not_left_behind() {
    loom::model(|| {
        let gate = gate(1);
        assert_eq!(enter(&gate), Entry::Now(1));
        let leaver = {
            let gate = gate.clone();
            thread::spawn(move || release(&gate))
        };
        let entry = enter(&gate);
        let woken = leaver.join().unwrap();
        match entry {
            Entry::Now(_) => assert_eq!(woken, None),
            Entry::Queued(ticket, _) => {
                assert_eq!(woken, Some(ticket), "a waiting call is woken");
                assert!(matches!(gate.claim(ticket, NOW), Claim::Granted { .. }));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(release(&gate), None);
        assert!(empty(&gate));
    });
}

#[test]
fn loom_giving_up_while_being_granted_loses_no_place() {
    loom::model(|| {
        let gate = gate(1);
        assert_eq!(enter(&gate), Entry::Now(1));
        let Entry::Queued(first, _) = enter(&gate) else { panic!() };
        let Entry::Queued(second, _) = enter(&gate) else { panic!() };
        let leaver = {
            let gate = gate.clone();
            thread::spawn(move || release(&gate))
        };
        let passed_on = if gate.give_up(first) { release(&gate) } else { None };
        let woken = leaver.join().unwrap();
        match woken {
            Some(ticket) if ticket == first => assert_eq!(passed_on, Some(second)),
            other => assert_eq!((other, passed_on), (Some(second), None)),
        }
        assert!(matches!(gate.claim(second, NOW), Claim::Granted { .. }));
        assert_eq!(release(&gate), None);
        assert!(empty(&gate));
    });
}

#[test]
fn loom_two_leavers_wake_two_waiters() {
    loom::model(|| {
        let gate = gate(2);
        assert_eq!(enter(&gate), Entry::Now(1));
        assert_eq!(enter(&gate), Entry::Now(2));
        let Entry::Queued(first, _) = enter(&gate) else { panic!() };
        let leaver = {
            let gate = gate.clone();
            thread::spawn(move || release(&gate))
        };
        let second = enter(&gate);
        let here = release(&gate);
        let there = leaver.join().unwrap();
        let woken = [here, there];
        assert!(woken.contains(&Some(first)));
        if let Entry::Queued(second, _) = second {
            assert!(woken.contains(&Some(second)));
        }
        assert_eq!(gate.snapshot(NOW).waiting, 0);
    });
}

#[test]
fn loom_a_limit_raised_while_somebody_joins_leaves_nobody_before_a_free_place() {
    loom::model(|| {
        let gate = gate(1);
        assert_eq!(enter(&gate), Entry::Now(1));
        let raiser = {
            let gate = gate.clone();
            thread::spawn(move || {
                gate.set_limit(2);
                gate.hand_over(NOW, QueueOrder::OldestFirst).0
            })
        };
        let entry = enter(&gate);
        let woken = raiser.join().unwrap();
        match entry {
            Entry::Now(_) => assert_eq!(woken, None),
            Entry::Queued(ticket, _) => assert_eq!(woken, Some(ticket)),
            other => panic!("{other:?}"),
        }
    });
}
