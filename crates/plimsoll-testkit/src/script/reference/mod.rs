//! The reference: the call machine driven by hand, one event after the other.

mod call_driver;
mod reading;

use super::{
    Coverage, Journal, Script,
    act::Revising,
    stage::{Cue, cues},
};
use crate::VirtualTime;
use call_driver::CallDriver;
use parking_lot::Mutex;
use plimsoll_driver::TimeSource;
use plimsoll_policy::{Driver, Instant, Observer, PolicyEvent, Ticket};
use std::sync::Arc;

/// A driver that records decisions and keeps the woken tickets.
#[derive(Debug)]
struct ReferenceDriver {
    journal: Journal,
    woken: Mutex<Vec<Ticket>>,
}

impl Observer for ReferenceDriver {
    fn on(&self, now: Instant, event: &PolicyEvent) {
        self.journal.on(now, event);
    }
}

impl Driver for ReferenceDriver {
    fn wake(&self, ticket: Ticket) {
        self.woken.lock().push(ticket);
    }
}

/// Returns the journal that every driver must produce, and records the coverage of the machines.
///
/// # Panics
/// Where the call machine breaks its own contract: it must come to an end, and settle everything.
pub fn reference(script: &Script, coverage: &mut Coverage) -> Journal {
    let time = VirtualTime::seeded(script.seed);
    let start = time.now();
    let journal = Journal::new(start);
    let driver = Arc::new(ReferenceDriver { journal: journal.clone(), woken: Mutex::default() });
    let mut policy = Revising::new(script.spec.clone(), time.time(), Arc::clone(&driver));
    time.reseed(script.seed);
    let mut cues = cues(script);
    let mut calls: Vec<Option<CallDriver<'_>>> = script.calls.iter().map(|_| None).collect();
    loop {
        let cue = cues.last().map_or(Instant::FAR, |(at, _)| start + *at);
        let now = calls.iter().flatten().map(CallDriver::due).fold(cue, Instant::earliest);
        if now == Instant::FAR {
            break;
        }
        time.advance_to(now);
        while let Some((_, cue)) = cues.pop_if(|(at, _)| start + *at <= now) {
            match cue {
                Cue::Act(act) => policy.act(act),
                Cue::Leave(number) => {
                    if let Some(call) = calls[number].take() {
                        call.leave(now, coverage);
                        journal.end(now, number, "the caller has left".to_owned());
                    }
                }
                Cue::Start(number) => {
                    let plan = &script.calls[number];
                    let facts = plan.facts(now, script.stages);
                    let policy = policy.current();
                    let call = CallDriver::new(number, plan, facts, policy, journal.clone(), time.clone());
                    calls[number] = Some(call);
                }
            }
        }
        let mut again = true;
        while again {
            again = false;
            for at in 0..calls.len() {
                for ticket in driver.woken.lock().drain(..) {
                    calls.iter_mut().flatten().for_each(|call| call.wake(ticket));
                }
                if let Some(call) = calls[at].as_mut().filter(|call| call.due() <= now) {
                    again = true;
                    if call.turn(now, coverage) {
                        calls[at] = None;
                    }
                }
            }
        }
    }
    assert!(calls.iter().all(Option::is_none), "a call waits for nothing that could come");
    journal.events().iter().for_each(|(_, event)| coverage.event(event));
    journal
}
