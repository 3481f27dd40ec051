//! The loop over the call machine: it carries out the machine's actions and reports events.

use crate::{AttemptSlots, CallGuard, Machines, Marks, PollUntil};
use plimsoll_policy::{
    AttemptRole, Draw, Instant, Limit, Outcome, Purpose, RejectedError, Settlement, Ticket,
    call::{Action, AttemptId, Event, Finish},
};
use smallvec::SmallVec;
use std::{
    future::poll_fn,
    ops::Deref,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

/// An attempt that is to begin.
#[derive(Clone, Copy, Debug)]
pub struct Begin {
    /// Its number.
    pub id: AttemptId,
    /// First, retry or hedge.
    pub role: AttemptRole,
    /// The slot of its [`Marks`]: 0, or 1 beside another attempt.
    pub slot: usize,
    /// The time now.
    pub now: Instant,
    /// The draw for its endpoint.
    pub draw: Draw,
    /// The deadline of the whole call.
    pub deadline: Instant,
}

/// The connections under a call, by which attempts are made and classified.
pub trait Attempts {
    /// A response whose head has come.
    type Response;
    /// An attempt's failure.
    type Error;
    /// An attempt in flight. Dropping it ends it.
    type Attempt: Future<Output = Result<Self::Response, Self::Error>>;

    /// Begins an attempt; `None` if there is no endpoint for it.
    fn begin(&mut self, begin: Begin) -> Option<Self::Attempt>;

    /// Classifies an attempt's head or failure, after `took` of the peer's own time. Called once for each attempt that
    /// ends by itself.
    fn settlement(
        &mut self,
        id: AttemptId,
        now: Instant,
        took: Duration,
        result: Result<&Self::Response, &Self::Error>,
    ) -> Settlement;

    /// Ends an attempt, or drops its result, by the machine's decision; `slot` is its slot if it is in flight.
    fn abort(&mut self, id: AttemptId, slot: Option<usize>, now: Instant, outcome: Outcome) {
        let _ = (id, slot, now, outcome);
    }

    /// Returns whether another attempt could still send the whole request.
    fn is_replayable(&self) -> bool;
}

/// A response whose head has come and whose body has not.
#[derive(Debug)]
pub struct ResponseHead<R> {
    /// The attempt that it belongs to.
    pub id: AttemptId,
    /// The response.
    pub response: R,
    /// The head's settlement, as [`Attempts::settlement`] returned it.
    pub head: Settlement,
}

/// An error of a call without a response.
#[derive(Debug)]
pub enum CallError<E> {
    /// The failure of this attempt.
    Attempt(AttemptId, E),
    /// A machine rejected the call.
    Refused(RejectedError),
    /// A limit ran out while the call waited for the peer.
    TimedOut(Limit),
    /// A limit ran out while the call waited for the caller.
    CallerTimedOut(Limit),
}

/// The results of attempts and their settlements, until the call decides about them.
type AttemptResults<A> =
    SmallVec<[(AttemptId, Settlement, Result<<A as Attempts>::Response, <A as Attempts>::Error>); 1]>;

/// The event that ended a wait.
enum WaitEvent<R, E> {
    /// Marks were set, which may move the limits.
    Marked,
    Timer,
    Granted(Ticket),
    Ended(AttemptId, Result<R, E>),
}

/// Runs a call, which begins at `now`, to the head of its response. Afterwards the guard is committed to that attempt's
/// body.
///
/// Cancel safe: dropping the future ends the attempts in flight, and the guard, dropped after them, gives back all
/// permits of the call. Nothing of an attempt runs before the future is polled.
///
/// # Panics
/// Where a timer is needed outside a tokio runtime with its time driver.
pub async fn run<P, A>(
    guard: &mut CallGuard<P>,
    mut now: Instant,
    attempts: &mut A,
    marks: &[Marks; 2],
    timer: &mut impl PollUntil,
    mut replayable: bool,
) -> Result<ResponseHead<A::Response>, CallError<A::Error>>
where
    P: Deref<Target: Machines>,
    A: Attempts,
{
    let mut results: AttemptResults<A> = SmallVec::new();
    let mut slots = pin!(AttemptSlots::<A::Attempt>::new());
    let mut action = guard.start(now);
    // The attempts have just been polled by this task, and nothing has happened to them since.
    let mut polled = false;
    loop {
        action = match action {
            Action::Attempt { id, role } => {
                polled = false;
                let slot = slots.as_ref().free();
                marks[slot].clear();
                let draw = guard.draw(Purpose::Endpoint, id);
                let deadline = guard.deadline();
                match attempts.begin(Begin { id, role, slot, now, draw, deadline }) {
                    Some(attempt) => {
                        slots.as_mut().open(id, attempt);
                        guard.next(now, Event::Proceed)
                    }
                    None => guard.next(now, Event::Unavailable(id)),
                }
            }
            Action::Abort { id, outcome } => {
                let slot = slots.as_ref().ids().iter().position(|open| *open == Some(id));
                attempts.abort(id, slot, now, outcome);
                slots.as_mut().close(id);
                results.retain(|(of, ..)| *of != id);
                guard.next(now, Event::Proceed)
            }
            Action::Wait { until, ticket } => {
                guard.stand(ticket);
                // Before the wait: an attempt that ends in it leaves its slot, and its last marks still count.
                let open = slots.as_ref().ids();
                let event = poll_fn(|cx| {
                    let slots = (!std::mem::take(&mut polled)).then_some(slots.as_mut());
                    poll_wait(cx, guard, slots, marks, timer, until)
                })
                .await;
                now = guard.now();
                for (id, marks) in open.into_iter().zip(marks) {
                    if let Some(id) = id
                        && marks.any()
                    {
                        marks.take().for_each(|mark| guard.note(now, id, mark));
                    }
                }
                if replayable && !attempts.is_replayable() {
                    replayable = false;
                    let _still_waiting = guard.next(now, Event::Unreplayable);
                }
                let event = match event {
                    WaitEvent::Marked => {
                        polled = true;
                        Event::Proceed
                    }
                    WaitEvent::Timer => Event::Timer,
                    WaitEvent::Granted(ticket) => Event::Granted(ticket),
                    WaitEvent::Ended(id, result) => {
                        let head = attempts.settlement(id, now, guard.took(id, now), result.as_ref());
                        let event = match &result {
                            Ok(_) => Event::Headers(id, head),
                            Err(_) => Event::Done(id, head),
                        };
                        action = guard.next(now, event);
                        if action == Action::Finish(Finish::Response(id)) {
                            // The usual case: the result needs no place of its own.
                            return given(id, head, result);
                        }
                        results.push((id, head, result));
                        continue;
                    }
                };
                guard.next(now, event)
            }
            Action::Finish(Finish::Response(id)) => {
                let at = results.iter().position(|(of, ..)| *of == id);
                let at = at.expect("an attempt that ended has a result");
                let (id, head, result) = results.swap_remove(at);
                return given(id, head, result);
            }
            Action::Finish(Finish::Refused(rejected)) => return Err(CallError::Refused(rejected)),
            Action::Finish(Finish::TimedOut(limit)) => return Err(CallError::TimedOut(limit)),
            Action::Finish(Finish::CallerTimedOut(limit)) => return Err(CallError::CallerTimedOut(limit)),
            Action::Finish(Finish::Gone) | Action::Closed => {
                unreachable!("only a call that is dropped is gone")
            }
        };
    }
}

/// Returns an attempt's result as the call's.
fn given<R, E>(
    id: AttemptId,
    head: Settlement,
    result: Result<R, E>,
) -> Result<ResponseHead<R>, CallError<E>> {
    match result {
        Ok(response) => Ok(ResponseHead { id, response, head }),
        Err(error) => Err(CallError::Attempt(id, error)),
    }
}

fn poll_wait<P, F, R, E>(
    cx: &mut Context<'_>,
    guard: &CallGuard<P>,
    slots: Option<Pin<&mut AttemptSlots<F>>>,
    marks: &[Marks; 2],
    timer: &mut impl PollUntil,
    until: Instant,
) -> Poll<WaitEvent<R, E>>
where
    P: Deref<Target: Machines>,
    F: Future<Output = Result<R, E>>,
{
    // Attempts before the clock: a response that is there counts, whatever the time.
    if let Some(slots) = slots
        && let Poll::Ready((id, result)) = slots.poll(cx)
    {
        return Poll::Ready(WaitEvent::Ended(id, result));
    }
    if marks.iter().any(Marks::any) {
        return Poll::Ready(WaitEvent::Marked);
    }
    if let Some(ticket) = guard.register(cx.waker()) {
        return Poll::Ready(WaitEvent::Granted(ticket));
    }
    timer.poll_until(cx, guard.time(), until).map(|()| WaitEvent::Timer)
}
