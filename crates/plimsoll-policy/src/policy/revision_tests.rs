//! A policy under another spec: what goes on, who is woken, and what stays as it was.

use super::*;
use crate::{
    Admitted, Outcome, Ticket,
    bulkhead::{BulkheadSpec, Claim, GaveUp},
    observe::Observer,
    rate::{KeyCapacity, Per, RateLimitSpec},
    units::Burst,
};
use proptest::prelude::*;
use std::{num::NonZeroU32, sync::Mutex};

const MS: Duration = Duration::from_millis(1);

/// Notes who is woken.
#[derive(Debug, Default)]
struct Woken(Mutex<Vec<Ticket>>);

impl Observer for Woken {
    fn on(&self, _: Instant, _: &PolicyEvent) {}
}

impl Driver for Woken {
    fn wake(&self, ticket: Ticket) {
        self.0.lock().unwrap().push(ticket);
    }
}

type Watched = Policy<Arc<Woken>>;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn with(bulkhead: Option<(u32, u32)>) -> PolicySpec {
    let bulkhead = bulkhead.map(|(in_flight, waiting)| BulkheadSpec {
        in_flight: NonZeroU32::new(in_flight).unwrap(),
        waiting,
        wait: 1000 * MS,
    });
    PolicySpec { bulkhead, ..PolicySpec::OFF }
}

fn new(spec: PolicySpec) -> Watched {
    Policy::new(spec, at(0), Draw::new(1), Arc::default())
}

fn revised(policy: &Watched, spec: PolicySpec, now: Instant) -> (Watched, Vec<Ticket>) {
    let policy = policy.revised(spec, now, Draw::new(2));
    let woken = std::mem::take(&mut *policy.driver().0.lock().unwrap());
    (policy, woken)
}

fn join(policy: &Watched, now: Instant) -> Admitted<crate::bulkhead::Permit> {
    policy.bulkhead.as_ref().unwrap().admit(now, Ask::default())
}

fn queued(policy: &Watched, now: Instant) -> Ticket {
    let Admitted::Queued(ticket, _) = join(policy, now) else { panic!("should wait") };
    ticket
}

#[test]
fn whoever_waits_in_a_bulkhead_that_is_switched_off_goes_on() {
    let on = new(with(Some((1, 8))));
    let Admitted::Now(_held) = join(&on, at(0)) else { panic!() };
    let waiting: Vec<_> = (0..3).map(|_| queued(&on, at(1))).collect();
    let (off, woken) = revised(&on, with(None), at(2));
    assert_eq!(woken, waiting);
    assert!(off.bulkhead.is_none() && off.snapshot(at(2)).bulkhead.is_none());
    // Those who were let through under the old policy ask it.
    let bulkhead = on.bulkhead.as_ref().unwrap();
    for ticket in waiting {
        assert!(matches!(bulkhead.claim(ticket, at(3)), Claim::Granted { .. }));
    }
    assert!(matches!(join(&on, at(3)), Admitted::Now(_)), "nobody waits for what is not there any more");
}

#[test]
fn switched_on_again_it_counts_what_it_let_through_and_repeats_no_ticket() {
    let mut policy = new(with(Some((1, 2))));
    let Admitted::Now(held) = join(&policy, at(0)) else { panic!() };
    let mut given = vec![];
    for round in 0..20 {
        let ticket = queued(&policy, at(round));
        assert!(!given.contains(&ticket), "{ticket:?} was given before");
        given.push(ticket);
        let (off, woken) = revised(&policy, with(None), at(round));
        assert_eq!(woken, [ticket]);
        // Off twice over is off.
        let (off, woken) = revised(&off, with(None), at(round));
        assert_eq!(woken, []);
        let (on, woken) = revised(&off, with(Some((1, 2))), at(round));
        assert_eq!(woken, []);
        // The one woken has not claimed its permit yet, and the slot of its ticket is nobody else's.
        let other = queued(&on, at(round));
        assert_ne!(other.0 as u32, ticket.0 as u32, "no two live tickets share a slot");
        let bulkhead = on.bulkhead.as_ref().unwrap();
        assert_eq!(bulkhead.give_up(other), GaveUp::Left);
        let GaveUp::AlreadyGranted(permit) = bulkhead.give_up(ticket) else { panic!("was woken") };
        let _ = bulkhead.settle(permit, at(round));
        assert_eq!(on.snapshot(at(round)).bulkhead.unwrap().in_flight, 1, "the first one is still under way");
        given.push(other);
        policy = on;
    }
    let bulkhead = policy.bulkhead.as_ref().unwrap();
    let _ = bulkhead.settle(held, at(99));
    assert_eq!(policy.snapshot(at(99)).bulkhead.unwrap().in_flight, 0);
}

fn rate_limit() -> impl Strategy<Value = RateLimitSpec> {
    let per = prop_oneof![Just(Per::All), Just(Per::Client), Just(Per::Header("x".into()))];
    (1..1000u32, 1..50u32, per, 8..40u32).prop_map(|(rate, burst, per, keys)| RateLimitSpec {
        burst: Burst::try_from(burst).unwrap(),
        per,
        keys: KeyCapacity::new(keys).unwrap(),
        ..RateLimitSpec::new(format!("{rate}/s").parse().unwrap())
    })
}

proptest! {
    /// An update that is refused, and a revision that cannot take a machine over, leave it as it was.
    #[test]
    fn what_a_revision_does_not_take_over_it_does_not_touch(
        (before, after) in (rate_limit(), rate_limit()),
        asks in 0..60u32,
    ) {
        let policy = new(PolicySpec { rate_limit: Some(before.clone()), ..PolicySpec::OFF });
        let limit = policy.rate_limit.clone().unwrap();
        for ask in 0..asks {
            let _ = limit.admit(at(1), limit.hash(&[ask as u8 % 5]));
        }
        let shown = policy.snapshot(at(2)).rate_limit;
        let taken = limit.takes(&after);
        if !taken {
            prop_assert!(!limit.update(at(2), &after));
            prop_assert_eq!(policy.snapshot(at(2)).rate_limit, shown);
        }
        let (revision, _) = revised(&policy, PolicySpec { rate_limit: Some(after), ..PolicySpec::OFF }, at(2));
        prop_assert_eq!(Arc::ptr_eq(&limit, revision.rate_limit.as_ref().unwrap()), taken);
        if !taken {
            prop_assert_eq!(policy.snapshot(at(2)).rate_limit, shown);
        }
    }

    /// The preparation of a revision is not seen by anybody.
    #[test]
    fn what_is_prepared_and_not_put_in_force_changes_nothing(
        (in_flight, waiting) in (1..2000u32, 0..600u32),
        calls in prop::option::of(1..5000u32),
        settled in 0..40u32,
    ) {
        let policy = new(PolicySpec { bulkhead: with(Some((1, 4))).bulkhead, ..PolicySpec::default() });
        let (breaker, bulkhead) = (policy.breaker.as_ref().unwrap(), policy.bulkhead.as_ref().unwrap());
        for _ in 0..settled {
            if let Ok(passage) = breaker.admit(at(1)) {
                let outcome = Outcome::Failure(crate::Failure::Response);
                breaker.settle(passage.permit, at(1), Draw::new(0), outcome, MS);
            }
        }
        let tickets: Vec<_> = (0..4).filter_map(|_| match join(&policy, at(1)) {
            Admitted::Queued(ticket, _) => Some(ticket),
            _ => None,
        }).collect();
        let before = format!("{:?}", policy.snapshot(at(2)));
        let window = calls.and_then(NonZeroU32::new).map_or(
            crate::breaker::Window::Time(Duration::from_secs(7)),
            crate::breaker::Window::Calls,
        );
        breaker.prepare(crate::breaker::BreakerSpec { window, ..breaker.spec() });
        bulkhead.prepare(with(Some((in_flight, waiting))).bulkhead.unwrap());
        prop_assert_eq!(format!("{:?}", policy.snapshot(at(2))), before);
        for ticket in tickets {
            prop_assert_eq!(bulkhead.claim(ticket, at(2)), Claim::Waiting);
        }
    }
}
