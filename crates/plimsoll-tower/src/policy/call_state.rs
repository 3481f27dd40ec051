//! The parts of a call that need not be pinned: the machine, the request, and its replay.

use super::Machines;
use crate::{Classify, Error, Replay, driver::CallGuard, replay::Reach};
use plimsoll_policy::{
    Observer, Ticket,
    call::{Action, AttemptId, Event, Facts, Finish, Stages},
};
use std::{fmt, mem, sync::Arc, task::Waker};
use tower_service::Service;

/// The request, before and after its first attempt.
enum KeptRequest<Req, K> {
    Whole(Req),
    Kept(K),
    Gone,
}

pub(super) struct CallState<S, Req, C, P, O>
where
    S: Service<P::Sent>,
    P: Replay<Req>,
    O: Observer,
{
    guard: CallGuard<Arc<Machines<O>>>,
    request: KeptRequest<Req, P::Kept>,
    /// Whether the request may be sent again, so that it and the service are kept.
    repeats: bool,
    /// The instance that was readied for this call, while anything may still be sent.
    pub(super) service: Option<S>,
    /// An attempt that waits for the service to be ready.
    pub(super) readying: Option<(AttemptId, P::Sent)>,
    /// The result of the last attempt that ended, until a better one comes.
    last: Option<Result<S::Response, S::Error>>,
    /// The error of a call that ended before its first poll.
    pub(super) early_error: Option<Error<S::Error>>,
    classify: C,
    replay: P,
}

impl<S, Req, C, P, O> CallState<S, Req, C, P, O>
where
    S: Service<P::Sent>,
    C: Classify<S::Response, S::Error>,
    P: Replay<Req>,
    O: Observer,
{
    #[inline(always)]
    pub(super) fn new(
        policy: Arc<Machines<O>>,
        mut facts: Facts,
        request: Req,
        classify: C,
        replay: P,
    ) -> Self {
        let reach = if policy.sends_again() { replay.reach(&request) } else { Reach::Once };
        facts.stages = Stages::Opaque;
        facts.replayable = reach >= Reach::Again;
        facts.hedgeable = reach == Reach::Twice;
        Self {
            guard: CallGuard::new(policy, facts),
            request: KeptRequest::Whole(request),
            repeats: facts.replayable,
            service: None,
            readying: None,
            last: None,
            early_error: None,
            classify,
            replay,
        }
    }

    /// Begins the call.
    #[inline(always)]
    pub(super) fn start(&mut self) -> Action {
        let now = self.guard.now();
        self.guard.start(now)
    }

    /// Tells the machine an event that has happened just now.
    #[inline(always)]
    fn tell(&mut self, event: Event) -> Action {
        let now = self.guard.now();
        self.guard.next(now, event)
    }

    /// Asks the machine for its next action, without a new event.
    #[inline]
    pub(super) fn proceed(&mut self) -> Action {
        self.guard.next(self.guard.last(), Event::Proceed)
    }

    /// Tells the machine that the timer has fired. While attempts are in flight the timer may be for another attempt,
    /// which needs the request intact; an attempt that is already decided on does not ask again.
    pub(super) fn timer_fired(&mut self, under_way: bool) -> Action {
        if under_way {
            self.look_at_what_is_kept();
        }
        self.tell(Event::Timer)
    }

    /// Settles an attempt with this result.
    #[inline]
    pub(super) fn ended(&mut self, id: AttemptId, result: Result<S::Response, S::Error>) -> Action {
        let settlement = self.classify.classify(result.as_ref());
        if settlement.cause.is_some() {
            self.look_at_what_is_kept();
        }
        self.last = Some(result);
        self.tell(Event::Done(id, settlement))
    }

    fn look_at_what_is_kept(&mut self) {
        if let KeptRequest::Kept(kept) = &self.request
            && !self.replay.intact(kept)
        {
            self.request = KeptRequest::Gone;
            let action = self.guard.next(self.guard.last(), Event::Unreplayable);
            debug_assert!(matches!(action, Action::Wait { .. }), "no attempt begins or ends by this");
        }
    }

    /// The request, for the first attempt.
    #[inline]
    pub(super) fn first(&mut self) -> Option<P::Sent> {
        match mem::replace(&mut self.request, KeptRequest::Gone) {
            KeptRequest::Whole(request) if self.repeats => {
                let (sent, kept) = self.replay.keep(request);
                self.request = KeptRequest::Kept(kept);
                Some(sent)
            }
            KeptRequest::Whole(request) => Some(self.replay.once(request)),
            kept => {
                self.request = kept;
                None
            }
        }
    }

    /// The request, for a further attempt.
    pub(super) fn again(&self) -> Option<P::Sent> {
        if let KeptRequest::Kept(kept) = &self.request { Some(self.replay.again(kept)) } else { None }
    }

    /// The clock and timers of the policy.
    pub(super) fn time(&self) -> &crate::driver::Time {
        self.guard.time()
    }

    /// Returns whether the service is needed beyond the first attempt.
    pub(super) fn repeats(&self) -> bool {
        self.repeats
    }

    /// Drops the result of an earlier attempt.
    pub(super) fn forget_last(&mut self) {
        self.last = None;
    }

    /// Returns the caller's result.
    #[inline]
    pub(super) fn finish(&mut self, finish: Finish) -> Result<S::Response, Error<S::Error>> {
        match finish {
            Finish::Response(_) => {
                self.last.take().expect("an attempt that ended brought something").map_err(Error::Inner)
            }
            Finish::Refused(rejected) => Err(Error::Rejected(rejected)),
            Finish::TimedOut(limit) | Finish::CallerTimedOut(limit) => Err(Error::TimedOut(limit)),
            Finish::Gone => unreachable!("only a call that is dropped is gone"),
        }
    }

    /// Registers the waker under this ticket, then asks for the grant: in this order, so that no grant is missed. Asks
    /// only the first time and after a wake.
    pub(super) fn queue(&mut self, ticket: Ticket, waker: &Waker) -> Action {
        self.guard.stand(Some(ticket));
        match self.guard.register(waker) {
            Some(ticket) => self.tell(Event::Granted(ticket)),
            None => self.proceed(),
        }
    }
}

impl<S, Req, C, P, O> CallState<S, Req, C, P, O>
where
    S: Service<P::Sent>,
    P: Replay<Req>,
    O: Observer,
{
    /// Forgets the ticket and its waker.
    pub(super) fn leave_queue(&mut self) {
        self.guard.stand(None);
    }

    /// Ends the call because its caller is gone. Without effect once everything is settled.
    pub(super) fn gone(&mut self) {
        self.guard.close();
    }
}

impl<S, Req, C, P, O> fmt::Debug for CallState<S, Req, C, P, O>
where
    S: Service<P::Sent>,
    P: Replay<Req>,
    O: Observer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallState").field("guard", &self.guard).finish_non_exhaustive()
    }
}
