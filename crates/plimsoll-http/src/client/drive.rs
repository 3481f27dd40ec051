//! The driver of a call: it does what the machine says, and tells it what happened.
//!
//! [`plimsoll_tower::PolicyLayer`] drives calls around any service, and so sees neither connections nor bodies. Here both
//! are in hand, so every limit of the matrix holds, and a call ends with its answer's last byte.

use super::{
    Body,
    attempt::{Fault, Held, Reply, attempt, settlement},
    error::Error,
    host::{Host, Machines},
    marks::Marks,
    sending::Sending,
    source::Source,
};
use http::Response;
use plimsoll_policy::{
    Instant, Rejected, Settlement, Ticket,
    call::{Action, AttemptId, Call, Event, Facts, Finish},
};
use plimsoll_tower::driver::{draw, now, to_tokio};
use smallvec::SmallVec;
use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, PoisonError},
    task::{Context, Poll},
};
use tokio::time::Sleep;

/// A call and its policy. Dropped before the call is closed, it tells the machines that the caller has left.
pub(super) struct Driven {
    call: Call,
    policy: Arc<Machines>,
    ticket: Option<Ticket>,
}

impl Driven {
    #[inline]
    pub(super) fn next(&mut self, now: Instant, event: Event) -> Action {
        self.call.next(&self.policy, now, event, draw())
    }

    pub(super) fn note(&mut self, now: Instant, id: AttemptId, mark: plimsoll_policy::call::Mark) {
        self.call.note(now, id, mark);
    }

    pub(super) fn deadline(&self) -> Instant {
        self.call.deadline()
    }

    /// Waits in line under this ticket, if under any; a waker left behind under another one is forgotten.
    fn stand(&mut self, ticket: Option<Ticket>) {
        if self.ticket != ticket {
            if let Some(left) = self.ticket {
                self.policy.host().waiters().forget(left);
            }
            self.ticket = ticket;
        }
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.stand(None);
        if !self.call.is_closed() {
            let _nothing_left_to_do = self.next(now(), Event::Gone);
        }
    }
}

impl fmt::Debug for Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driven").field("call", &self.call).finish_non_exhaustive()
    }
}

/// What an attempt has brought, until the call says what is to become of it.
struct Brought {
    id: AttemptId,
    result: Result<Reply, Fault>,
}

/// What ended a wait.
enum Happened {
    /// Limits have moved: ask again how long to wait.
    Marked,
    Timer,
    Granted(Ticket),
    Ended(usize, Result<Reply, Fault>),
}

/// Runs a call to the head of its answer.
///
/// Cancel safe: dropped, what is under way ends, and everything it was admitted with is given back.
pub(super) async fn drive(
    host: Arc<Host>,
    policy: Arc<Machines>,
    sending: Sending,
    facts: Facts,
) -> Result<Response<Body>, Error> {
    let mut driven = Driven { call: Call::new(facts), policy, ticket: None };
    let mut replayable = facts.replayable;
    let held = Held::new(sending);
    let marks = [Marks::default(), Marks::default()];
    let mut under: [Option<AttemptId>; 2] = [None, None];
    let mut brought: SmallVec<[Brought; 1]> = SmallVec::new();
    let mut timer = pin!(None::<Sleep>);
    // Last, so that they are dropped first: what is under way ends before its place is given to the next.
    let mut first = pin!(None);
    let mut second = pin!(None);

    let mut time = now();
    let mut action = driven.next(time, Event::Start);
    held.lock().unwrap_or_else(PoisonError::into_inner).deadline = driven.deadline();
    loop {
        action = match action {
            Action::Attempt { id, .. } => {
                let slot = usize::from(under[0].is_some());
                marks[slot].clear();
                let future = attempt(&host, &held, &marks[slot]);
                if slot == 0 {
                    first.set(Some(future));
                } else {
                    second.set(Some(future));
                }
                under[slot] = Some(id);
                driven.next(time, Event::Proceed)
            }
            Action::Abort { id, .. } => {
                if under[0].take_if(|under| *under == id).is_some() {
                    first.set(None);
                }
                if under[1].take_if(|under| *under == id).is_some() {
                    second.set(None);
                }
                brought.retain(|brought| brought.id != id);
                driven.next(time, Event::Proceed)
            }
            Action::Wait { until, ticket } => {
                driven.stand(ticket);
                let waiting = Waiting { until, ticket, policy: &driven.policy };
                let happened = poll_fn(|cx| {
                    let slots = [first.as_mut().as_pin_mut(), second.as_mut().as_pin_mut()];
                    waiting.poll(cx, slots, &marks, timer.as_mut())
                })
                .await;
                time = now();
                for (under, marks) in under.iter().zip(&marks) {
                    if let Some(id) = *under
                        && marks.any()
                    {
                        marks.take().for_each(|mark| driven.note(time, id, mark));
                    }
                }
                if replayable && !held.lock().unwrap_or_else(PoisonError::into_inner).is_replayable() {
                    replayable = false;
                    let _still_waiting = driven.next(time, Event::Unreplayable);
                }
                match happened {
                    Happened::Marked => driven.next(time, Event::Proceed),
                    Happened::Timer => driven.next(time, Event::Timer),
                    Happened::Granted(ticket) => driven.next(time, Event::Granted(ticket)),
                    Happened::Ended(slot, result) => {
                        if slot == 0 {
                            first.set(None);
                        } else {
                            second.set(None);
                        }
                        let Some(id) = under[slot].take() else { continue };
                        let event = match &result {
                            Ok(reply) => Event::Headers(id, settlement(reply.response())),
                            Err(fault) => Event::Done(id, fault.settlement()),
                        };
                        brought.push(Brought { id, result });
                        driven.next(time, event)
                    }
                }
            }
            Action::Finish(Finish::Answer(id)) => {
                let at = brought.iter().position(|brought| brought.id == id);
                let at = at.expect("an attempt that ended brought something");
                return match brought.swap_remove(at).result {
                    Ok(reply) => Ok(answer(Arc::clone(&host), driven, time, id, reply)),
                    Err(fault) => Err(fault.error(&host)),
                };
            }
            Action::Finish(Finish::Refused(rejected)) => return Err(refused(rejected)),
            Action::Finish(Finish::TimedOut(limit)) => {
                return Err(Error::TimedOut { limit, origin: host.origin.clone() });
            }
            Action::Finish(Finish::Gone) | Action::Closed => {
                unreachable!("only a call that is dropped is gone")
            }
        };
    }
}

#[cold]
fn refused(rejected: Rejected) -> Error {
    Error::Rejected(rejected)
}

struct Waiting<'a> {
    until: Instant,
    ticket: Option<Ticket>,
    policy: &'a Machines,
}

impl Waiting<'_> {
    fn poll<F: Future<Output = Result<Reply, Fault>>>(
        &self,
        cx: &mut Context<'_>,
        slots: [Option<Pin<&mut F>>; 2],
        marks: &[Marks; 2],
        mut timer: Pin<&mut Option<Sleep>>,
    ) -> Poll<Happened> {
        let mut marked = false;
        for (at, slot) in slots.into_iter().enumerate() {
            let Some(future) = slot else { continue };
            if let Poll::Ready(result) = future.poll(cx) {
                return Poll::Ready(Happened::Ended(at, result));
            }
            marked |= marks[at].any();
        }
        if marked {
            return Poll::Ready(Happened::Marked);
        }
        // Registered before the machine is asked: a grant between the two finds the waker.
        if let Some(ticket) = self.ticket
            && self.policy.host().waiters().register(ticket, cx.waker())
        {
            return Poll::Ready(Happened::Granted(ticket));
        }
        let Some(at) = to_tokio(self.until) else { return Poll::Pending };
        match timer.as_mut().as_pin_mut() {
            None => timer.set(Some(tokio::time::sleep_until(at))),
            Some(set) if set.deadline() != at => set.reset(at),
            Some(_) => {}
        }
        let Some(set) = timer.as_mut().as_pin_mut() else { return Poll::Pending };
        if set.poll(cx).is_pending() {
            return Poll::Pending;
        }
        // A timer that has rung must be set again before it can be polled again.
        timer.set(None);
        Poll::Ready(Happened::Timer)
    }
}

/// The answer goes to the caller; its body settles the call when it ends.
fn answer(host: Arc<Host>, mut driven: Driven, now: Instant, id: AttemptId, reply: Reply) -> Response<Body> {
    let (response, mut source) = Source::of(&host.pool, reply);
    // Most answers are small and have come with their head: the call is over, and nothing has to be kept for it.
    let body = match source.whole() {
        Some(whole) => {
            let _settled = driven.next(now, Event::Done(id, Settlement::SUCCESS));
            Body::whole(whole)
        }
        None => Body::live(host, source, driven, id),
    };
    response.map(|()| body)
}
