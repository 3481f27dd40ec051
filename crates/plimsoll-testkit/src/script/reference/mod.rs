//! The reference: the call machine driven by hand, one event after the other.

mod reading;
mod seat;

use super::{
    Coverage, Journal, Script,
    act::Revising,
    stage::{Cue, cues},
};
use crate::VirtualTime;
use plimsoll_driver::TimeSource;
use plimsoll_policy::{Host, Instant, Observer, PolicyEvent, Ticket};
use seat::Seat;
use std::sync::{Arc, Mutex, PoisonError};

/// Writes down what is decided, and keeps who was woken.
#[derive(Debug)]
struct Prompter {
    journal: Journal,
    woken: Mutex<Vec<Ticket>>,
}

impl Observer for Prompter {
    fn on(&self, now: Instant, event: &PolicyEvent) {
        self.journal.on(now, event);
    }
}

impl Host for Prompter {
    fn wake(&self, ticket: Ticket) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
    }
}

/// The journal that any driver must come to, and what of the machines the script reached.
///
/// # Panics
/// Where the call machine breaks its own contract: it must come to an end, and settle everything.
pub fn reference(script: &Script, coverage: &mut Coverage) -> Journal {
    let time = VirtualTime::seeded(script.seed);
    let start = time.now();
    let journal = Journal::new(start);
    let host = Arc::new(Prompter { journal: journal.clone(), woken: Mutex::default() });
    let mut policy = Revising::new(script.spec.clone(), time.time(), Arc::clone(&host));
    time.reseed(script.seed);
    let mut cues = cues(script);
    let mut seats: Vec<Option<Seat<'_>>> = script.calls.iter().map(|_| None).collect();
    loop {
        let cue = cues.last().map_or(Instant::FAR, |(at, _)| start + *at);
        let now = seats.iter().flatten().map(Seat::due).fold(cue, Instant::earliest);
        if now == Instant::FAR {
            break;
        }
        time.advance_to(now);
        while let Some((_, cue)) = cues.pop_if(|(at, _)| start + *at <= now) {
            match cue {
                Cue::Act(act) => policy.act(act),
                Cue::Leave(call) => {
                    if let Some(seat) = seats[call].take() {
                        seat.leave(now, coverage);
                        journal.end(now, call, "the caller has left".to_owned());
                    }
                }
                Cue::Start(call) => {
                    let plan = &script.calls[call];
                    let facts = plan.facts(now, script.stages);
                    seats[call] =
                        Some(Seat::new(call, plan, facts, policy.current(), journal.clone(), time.clone()));
                }
            }
        }
        let mut again = true;
        while again {
            again = false;
            for at in 0..seats.len() {
                for ticket in host.woken.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                    seats.iter_mut().flatten().for_each(|seat| seat.wake(ticket));
                }
                if let Some(seat) = seats[at].as_mut().filter(|seat| seat.due() <= now) {
                    again = true;
                    if seat.turn(now, coverage) {
                        seats[at] = None;
                    }
                }
            }
        }
    }
    assert!(seats.iter().all(Option::is_none), "a call waits for nothing that could come");
    journal.events().iter().for_each(|(_, event)| coverage.event(event));
    journal
}
