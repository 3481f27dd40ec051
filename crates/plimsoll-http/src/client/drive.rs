//! A call over this client's connections, from its request to its response's head.
//!
//! [`plimsoll_tower::PolicyLayer`] drives calls around any service, and so sees neither connections nor bodies. Here both
//! are in hand, so every limit of the matrix holds, and a call ends with its response's last byte.

use super::{
    Body,
    attempt::{AttemptError, Reply, SharedRequest, attempt, settlement},
    error::Error,
    origin_state::{Machines, OriginState},
    response_source::ResponseSource,
    sending::Sending,
};
use http::Response;
use plimsoll_driver::{
    Attempts, Begin, CallError, CallGuard, Marks, ResponseHead, Timer, classify::BodyClassifier, run,
};
use plimsoll_policy::{
    Instant, Outcome, Settlement,
    call::{AttemptId, Event, Facts},
};
use std::{pin::pin, sync::Arc, time::Duration};

/// A call of this client.
pub(super) type Guard = CallGuard<Arc<Machines>>;

/// The attempts of one call: each sends the shared request over a connection to the one host.
struct OriginAttempts<'a, F> {
    host: &'a OriginState,
    shared: &'a SharedRequest,
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
        self.shared.lock().deadline = begin.deadline;
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
                    failures.failing_status(origin, reply.response().status(), now);
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
        // The outcome of an attempt that has ended is reported already.
        if let (Some(_), Outcome::Failure(_)) = (slot, outcome) {
            self.host.failures.timed_out(&self.host.origin, now);
        }
    }

    fn is_replayable(&self) -> bool {
        self.shared.lock().is_replayable()
    }
}

/// Runs a call to the head of its response.
///
/// Cancel safe: when it is dropped, the attempts in flight end, and every permit of the call is released.
pub(super) async fn drive(
    host: Arc<OriginState>,
    policy: Arc<Machines>,
    sending: Sending,
    facts: Facts,
) -> Result<Response<Body>, Error> {
    let mut guard = CallGuard::new(policy, facts);
    let shared = SharedRequest::new(sending);
    let marks = [Marks::new(), Marks::new()];
    let mut timer = pin!(Timer::new());
    let ended = {
        let mut attempts = OriginAttempts {
            host: &host,
            shared: &shared,
            attempt: |slot: usize| attempt(&host, &shared, &marks[slot]),
        };
        let now = guard.now();
        run(&mut guard, now, &mut attempts, &marks, &mut timer.as_mut(), facts.replayable).await
    };
    match ended {
        Ok(head) => Ok(respond(host, guard, head)),
        Err(CallError::Attempt(_, fault)) => Err(fault.error(&host)),
        Err(CallError::Refused(rejected)) => Err(Error::Rejected(rejected)),
        Err(CallError::TimedOut(limit) | CallError::CallerTimedOut(limit)) => {
            Err(Error::TimedOut { limit, origin: host.origin.clone() })
        }
    }
}

/// Returns the response to the caller. Its body settles the call when it ends.
fn respond(host: Arc<OriginState>, mut guard: Guard, response: ResponseHead<Reply>) -> Response<Body> {
    let ResponseHead { id, response, head } = response;
    let (response, mut source) = ResponseSource::of(&host.pool, response);
    // Most responses are small and have come with their head: the call is over, and nothing has to be kept for it.
    let body = match source.whole() {
        Some(whole) => {
            let _settled =
                guard.next(guard.last(), Event::Done(id, BodyClassifier::after(&head).settlement()));
            Body::whole(whole)
        }
        None => Body::live(host, source, guard, id, &head),
    };
    response.map(|()| body)
}
