//! A call over this client's connections, from its request to its response's head.
//!
//! [`plimsoll_tower::PolicyLayer`] drives calls around any service, and so sees neither connections nor bodies. Here both
//! are in hand, so every limit of the matrix holds, and a call ends with its response's last byte.

use super::{
    Body,
    attempt::{AttemptError, Held, Reply, attempt, settlement},
    error::Error,
    origin_state::{Machines, OriginState},
    response_source::ResponseSource,
    sending::Sending,
};
use http::Response;
use plimsoll_driver::{
    Attempts, Begin, CallError, CallGuard, Marks, ResponseHead, Timer, classify::BodyVerdict, run,
};
use plimsoll_policy::{
    Instant, Outcome, Settlement,
    call::{AttemptId, Event, Facts},
};
use std::{pin::pin, sync::Arc, time::Duration};

/// A call of this client.
pub(super) type Guard = CallGuard<Arc<Machines>>;

/// The attempts of one call: each sends the held request over a connection to the one host.
struct OriginAttempts<'a, F> {
    host: &'a OriginState,
    held: &'a Held,
    /// Begins an attempt whose marks are in this slot.
    attempt: F,
}

impl<F, A> Attempts for OriginAttempts<'_, F>
where
    F: FnMut(usize) -> A,
    A: Future<Output = Result<Reply, AttemptError>>,
{
    type Response = Reply;
    type Error = AttemptError;
    type Attempt = A;

    fn begin(&mut self, begin: Begin) -> Option<A> {
        self.held.lock().deadline = begin.deadline;
        Some((self.attempt)(begin.slot))
    }

    fn settlement(
        &mut self,
        _: AttemptId,
        now: Instant,
        _: Duration,
        result: Result<&Reply, &AttemptError>,
    ) -> Settlement {
        let OriginState { failures, origin, .. } = self.host;
        match result {
            Ok(reply) => {
                let settlement = settlement(reply.response());
                if let Outcome::Failure(_) = settlement.outcome {
                    failures.answered(origin, reply.response().status(), now);
                }
                settlement
            }
            Err(fault) => {
                failures.broke(origin, fault, now);
                fault.settlement()
            }
        }
    }

    fn abort(&mut self, _: AttemptId, slot: Option<usize>, now: Instant, outcome: Outcome) {
        // Of one that is over, the verdict has been told.
        if let (Some(_), Outcome::Failure(_)) = (slot, outcome) {
            self.host.failures.timed_out(&self.host.origin, now);
        }
    }

    fn is_replayable(&self) -> bool {
        self.held.lock().is_replayable()
    }
}

/// Runs a call to the head of its response.
///
/// Cancel safe: dropped, the attempts under way end, and everything the call was admitted with is given back.
pub(super) async fn drive(
    host: Arc<OriginState>,
    policy: Arc<Machines>,
    sending: Sending,
    facts: Facts,
) -> Result<Response<Body>, Error> {
    let mut guard = CallGuard::new(policy, facts);
    let held = Held::new(sending);
    let marks = [Marks::new(), Marks::new()];
    let mut timer = pin!(Timer::new());
    let ended = {
        let mut attempts = OriginAttempts {
            host: &host,
            held: &held,
            attempt: |slot: usize| attempt(&host, &held, &marks[slot]),
        };
        run(&mut guard, &mut attempts, &marks, &mut timer.as_mut(), facts.replayable).await
    };
    match ended {
        Ok(answered) => Ok(respond(host, guard, answered)),
        Err(CallError::Attempt(_, fault)) => Err(fault.error(&host)),
        Err(CallError::Refused(rejected)) => Err(Error::Rejected(rejected)),
        Err(CallError::TimedOut(limit) | CallError::CallerTimedOut(limit)) => {
            Err(Error::TimedOut { limit, origin: host.origin.clone() })
        }
    }
}

/// The response goes to the caller; its body settles the call when it ends.
fn respond(host: Arc<OriginState>, mut guard: Guard, answered: ResponseHead<Reply>) -> Response<Body> {
    let ResponseHead { id, response, head } = answered;
    let (response, mut source) = ResponseSource::of(&host.pool, response);
    // Most responses are small and have come with their head: the call is over, and nothing has to be kept for it.
    let body = match source.whole() {
        Some(whole) => {
            let _settled = guard.next(guard.last(), Event::Done(id, BodyVerdict::after(&head).settlement()));
            Body::whole(whole)
        }
        None => Body::live(host, source, guard, id, &head),
    };
    response.map(|()| body)
}
