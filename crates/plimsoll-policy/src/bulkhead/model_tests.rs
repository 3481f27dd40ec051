//! The bulkhead against a model that anybody can check by eye: a list and a number.

use super::*;
use proptest::prelude::*;
use std::{collections::VecDeque, num::NonZeroU32};

#[derive(Clone, Debug)]
enum Step {
    Join { patience: u64 },
    Settle { pick: usize },
    Claim { pick: usize },
    GiveUp { pick: usize },
    Pass { nanos: u64 },
    Update { in_flight: u32, waiting: u32, wait: u64 },
    Newest { drop_after: Option<u64> },
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..60u64).prop_map(|patience| Step::Join { patience }),
        4 => any::<usize>().prop_map(|pick| Step::Settle { pick }),
        3 => any::<usize>().prop_map(|pick| Step::Claim { pick }),
        2 => any::<usize>().prop_map(|pick| Step::GiveUp { pick }),
        2 => (1..20u64).prop_map(|nanos| Step::Pass { nanos }),
        1 => (1..6u32, 0..6u32, 1..50u64)
            .prop_map(|(in_flight, waiting, wait)| Step::Update { in_flight, waiting, wait }),
        1 => proptest::option::of(1..20u64).prop_map(|drop_after| Step::Newest { drop_after }),
    ]
}

struct Waiter {
    ticket: Ticket,
    since: u64,
    until: u64,
}

#[derive(Default)]
struct Model {
    limit: u32,
    room: u32,
    wait: u64,
    in_flight: u32,
    line: VecDeque<Waiter>,
    granted: Vec<Ticket>,
    /// Every ticket ever given, and how each left the queue.
    given: Vec<Ticket>,
    claimed: usize,
    gone: usize,
}

impl Model {
    fn pass_over(&mut self, now: u64, newest: Option<u64>) {
        while self.line.front().is_some_and(|waiter| {
            waiter.until <= now || newest.is_some_and(|drop_after| now - waiter.since > drop_after)
        }) {
            self.line.pop_front();
            self.gone += 1;
        }
    }

    fn hand_over(&mut self, now: u64, newest: Option<u64>) -> Option<Ticket> {
        self.pass_over(now, newest);
        if newest.is_some() {
            while self.line.back().is_some_and(|waiter| waiter.until <= now) {
                self.line.pop_back();
                self.gone += 1;
            }
        }
        if self.in_flight >= self.limit {
            return None;
        }
        let next = if newest.is_some() { self.line.pop_back() } else { self.line.pop_front() }?;
        self.in_flight += 1;
        self.granted.push(next.ticket);
        Some(next.ticket)
    }
}

fn run(script: Vec<Step>) {
    let spec = |in_flight, waiting, wait| BulkheadSpec {
        in_flight: NonZeroU32::new(in_flight).unwrap(),
        waiting,
        wait: Duration::from_nanos(wait),
    };
    let bulkhead = Bulkhead::new(spec(2, 3, 30));
    let mut model = Model { limit: 2, room: 3, wait: 30, ..Model::default() };
    let mut permits = Vec::new();
    let (mut clock, mut newest) = (0, None);
    for step in script {
        let now = Instant::from_nanos(clock);
        let order = newest.map_or(QueueOrder::OldestFirst, |nanos| QueueOrder::NewestFirst {
            drop_after: Duration::from_nanos(nanos),
        });
        match step {
            Step::Join { patience } => {
                let deadline = Instant::from_nanos(clock + patience);
                let until =
                    (clock + patience.min(model.wait)).min(newest.map_or(u64::MAX, |drop| clock + drop));
                let full = model.line.len() as u32 >= model.room;
                if full && until > clock && model.room > 0 {
                    model.pass_over(clock, newest);
                }
                let result = bulkhead.admit_in(now, Ask { deadline, ..Ask::default() }, order);
                if model.line.is_empty() && model.in_flight < model.limit {
                    let Admitted::Now(permit) = result else { panic!("{result:?}") };
                    model.in_flight += 1;
                    permits.push(permit);
                } else if model.room > 0 && until > clock && (model.line.len() as u32) < model.room {
                    let Admitted::Queued(ticket, told) = result else { panic!("{result:?}") };
                    assert_eq!(told.as_nanos(), until);
                    assert!(!model.given.contains(&ticket), "tickets are unique");
                    model.given.push(ticket);
                    model.line.push_back(Waiter { ticket, since: clock, until });
                } else {
                    assert!(matches!(result, Admitted::Refused(_)), "{result:?}");
                }
            }
            Step::Settle { pick } if !permits.is_empty() => {
                let permit = permits.swap_remove(pick % permits.len());
                model.in_flight -= 1;
                let waiting = !model.line.is_empty();
                let woken = bulkhead.settle_in(permit, now, order).0;
                assert_eq!(woken, if waiting { model.hand_over(clock, newest) } else { None });
            }
            Step::Claim { pick } if !model.given.is_empty() => {
                let ticket = model.given[pick % model.given.len()];
                let claim = bulkhead.claim(ticket, now);
                if let Some(at) = model.granted.iter().position(|granted| *granted == ticket) {
                    model.granted.swap_remove(at);
                    model.claimed += 1;
                    let Claim::Granted { permit, .. } = claim else { panic!("{claim:?}") };
                    permits.push(permit);
                } else if model.line.iter().any(|waiter| waiter.ticket == ticket) {
                    assert_eq!(claim, Claim::Waiting);
                } else {
                    assert_eq!(claim, Claim::Gone);
                }
            }
            Step::GiveUp { pick } if !model.given.is_empty() => {
                let ticket = model.given[pick % model.given.len()];
                let result = bulkhead.give_up(ticket);
                if let Some(at) = model.granted.iter().position(|granted| *granted == ticket) {
                    model.granted.swap_remove(at);
                    model.claimed += 1;
                    let GaveUp::AlreadyGranted(permit) = result else { panic!("{result:?}") };
                    permits.push(permit);
                } else {
                    assert_eq!(result, GaveUp::Left);
                    let before = model.line.len();
                    model.line.retain(|waiter| waiter.ticket != ticket);
                    model.gone += before - model.line.len();
                }
            }
            Step::Pass { nanos } => clock += nanos,
            Step::Update { in_flight, waiting, wait } => {
                bulkhead.update(spec(in_flight, waiting, wait));
                (model.limit, model.room, model.wait) = (in_flight, waiting, wait);
                loop {
                    let woken = bulkhead.hand_over(now, order).0;
                    let waiting = !model.line.is_empty();
                    assert_eq!(woken, if waiting { model.hand_over(clock, newest) } else { None });
                    if woken.is_none() {
                        break;
                    }
                }
            }
            Step::Newest { drop_after } => newest = drop_after,
            Step::Settle { .. } | Step::Claim { .. } | Step::GiveUp { .. } => {}
        }
        let shown = bulkhead.snapshot(Instant::from_nanos(clock));
        assert_eq!(shown.in_flight, model.in_flight);
        assert_eq!(shown.waiting as usize, model.line.len());
        let oldest = model.line.front().map(|waiter| Duration::from_nanos(clock - waiter.since));
        assert_eq!(bulkhead.oldest_wait(Instant::from_nanos(clock)), oldest);
        assert_eq!(shown.in_flight as usize, permits.len() + model.granted.len(), "no place is lost");
        let accounted = model.claimed + model.gone + model.line.len() + model.granted.len();
        assert_eq!(accounted, model.given.len(), "no wake-up is lost");
        assert!(shown.waiting == 0 || shown.in_flight >= model.limit, "nobody waits before a free place");
    }
}

proptest! {
    #[test]
    fn results_are_the_models(script in proptest::collection::vec(steps(), 1..120)) {
        run(script);
    }
}
