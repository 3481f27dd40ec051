//! The parts of a call that need not stay in place: the machine, the request, and the means to send it again.

use super::Machines;
use crate::{Classify, Error, Replay, driver::CallGuard, replay::Reach};
use plimsoll_policy::{
    Observer, Ticket,
    call::{Action, AttemptId, Event, Facts, Finish, Stages},
};
use std::{fmt, mem, sync::Arc, task::Waker};
use tower_service::Service;

/// The request, before and after its first attempt.
enum Held<Req, K> {
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
    request: Held<Req, P::Kept>,
    /// Whether the request may be sent again, so that it and the service have to be kept.
    repeats: bool,
    /// For what is still to be sent: the instance that was readied for this call.
    pub(super) service: Option<S>,
    /// An attempt that waits for the service to be ready.
    pub(super) readying: Option<(AttemptId, P::Sent)>,
    /// What the last attempt to end brought, for as long as nothing better comes.
    last: Option<Result<S::Response, S::Error>>,
    /// What the call came to before it was polled.
    pub(super) verdict: Option<Error<S::Error>>,
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
            request: Held::Whole(request),
            repeats: facts.replayable,
            service: None,
            readying: None,
            last: None,
            verdict: None,
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

    /// Tells the machine what has happened just now.
    #[inline(always)]
    fn tell(&mut self, event: Event) -> Action {
        let now = self.guard.now();
        self.guard.next(now, event)
    }

    /// Asks what is due, nothing having happened.
    #[inline]
    pub(super) fn proceed(&mut self) -> Action {
        self.guard.next(self.guard.last(), Event::Proceed)
    }

    /// The timer has rung. Where attempts are under way it may be for another one beside or after them, which needs the
    /// request whole; one that is already decided on is made with what there is.
    pub(super) fn rang(&mut self, under_way: bool) -> Action {
        if under_way {
            self.look_at_what_is_kept();
        }
        self.tell(Event::Timer)
    }

    /// An attempt has ended so.
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
        if let Held::Kept(kept) = &self.request
            && !self.replay.intact(kept)
        {
            self.request = Held::Gone;
            let action = self.guard.next(self.guard.last(), Event::Unreplayable);
            debug_assert!(matches!(action, Action::Wait { .. }), "no attempt begins or ends by this");
        }
    }

    /// The request, for the first attempt.
    #[inline]
    pub(super) fn first(&mut self) -> Option<P::Sent> {
        match mem::replace(&mut self.request, Held::Gone) {
            Held::Whole(request) if self.repeats => {
                let (sent, kept) = self.replay.keep(request);
                self.request = Held::Kept(kept);
                Some(sent)
            }
            Held::Whole(request) => Some(self.replay.once(request)),
            kept => {
                self.request = kept;
                None
            }
        }
    }

    /// The request, for a further attempt.
    pub(super) fn again(&self) -> Option<P::Sent> {
        if let Held::Kept(kept) = &self.request { Some(self.replay.again(kept)) } else { None }
    }

    /// The clock and timers of the policy.
    pub(super) fn time(&self) -> &crate::driver::Time {
        self.guard.time()
    }

    /// Whether the service is needed beyond the first attempt.
    pub(super) fn repeats(&self) -> bool {
        self.repeats
    }

    /// What an earlier attempt brought is not wanted any more.
    pub(super) fn forget_last(&mut self) {
        self.last = None;
    }

    /// What the caller gets.
    #[inline]
    pub(super) fn finish(&mut self, finish: Finish) -> Result<S::Response, Error<S::Error>> {
        match finish {
            Finish::Answer(_) => {
                self.last.take().expect("an attempt that ended brought something").map_err(Error::Inner)
            }
            Finish::Refused(rejected) => Err(Error::Rejected(rejected)),
            Finish::TimedOut(limit) | Finish::CallerTimedOut(limit) => Err(Error::TimedOut(limit)),
            Finish::Gone => unreachable!("only a call that is dropped is gone"),
        }
    }

    /// Waits under this ticket, and asks whether its turn has come: in this order, so that no grant is missed. Asked only
    /// the first time and after a wake.
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
    /// Nobody waits under the ticket any more.
    pub(super) fn leave_queue(&mut self) {
        self.guard.stand(None);
    }

    /// The caller is gone. Without effect once everything is settled.
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
