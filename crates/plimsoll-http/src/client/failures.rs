//! Log lines of failures at a peer: the first of a cause at once, then one a minute with the number of omitted ones.

use super::{attempt::AttemptError, origin::Origin};
use crate::{Chain, ProblemId, headers::TraceParent};
use http::StatusCode;
use plimsoll_driver::{
    chain,
    classify::{ResolveError, is_exhaustion},
};
use plimsoll_policy::Instant;
use plimsoll_telemetry::logs::Repeats;
use std::{error::Error, io, time::Duration};

/// The least interval between two lines of the same failure of one origin.
const WINDOW: Duration = Duration::from_secs(60);

/// The most causes and statuses that are distinguished at once.
const MOST: usize = 16;

/// An origin's recent failures.
#[derive(Debug)]
pub(super) struct Failures(Repeats<(&'static str, Option<StatusCode>), ()>);

impl Default for Failures {
    fn default() -> Self {
        Self(Repeats::new(WINDOW, MOST))
    }
}

impl Failures {
    /// Reports a response whose status is a failure.
    pub(super) fn failing_status(&self, origin: &Origin, status: StatusCode, now: Instant) {
        self.log(origin, "upstream-status", Some(status), None, now);
    }

    /// Reports an attempt without a response within its limits.
    pub(super) fn timed_out(&self, origin: &Origin, now: Instant) {
        self.log(origin, "attempt-timeout", None, None, now);
    }

    /// Reports a broken attempt, or a connection that could not be made.
    pub(super) fn broke(&self, origin: &Origin, fault: &AttemptError, now: Instant) {
        match fault {
            AttemptError::Connect(error) => self.log(origin, refusal(&**error), None, Some(&**error), now),
            AttemptError::Broken { error, .. } => {
                self.log(origin, "upstream-reset", None, Some(&**error), now);
            }
            // The caller's own body: no failure of the peer.
            AttemptError::Body(_) => {}
        }
    }

    #[cold]
    fn log(
        &self,
        origin: &Origin,
        why: &'static str,
        status: Option<StatusCode>,
        error: Option<&(dyn Error + 'static)>,
        now: Instant,
    ) {
        let Some(repeats) = self.0.seen((why, status), (), now) else { return };
        // The id of the request for which this call is made, if there is one.
        let id = TraceParent::current().map(|trace| tracing::field::display(ProblemId::new(trace.trace)));
        tracing::warn!(
            upstream = %origin.authority(),
            why,
            status = status.map(|status| status.as_u16()),
            error = error.map(|error| tracing::field::display(Chain(error))),
            id,
            repeats = (repeats > 0).then_some(repeats),
            "attempt failed",
        );
    }
}

/// Returns the cause of a failure to connect, in the words of the gateway's log.
fn refusal(error: &(dyn Error + 'static)) -> &'static str {
    for error in chain(error) {
        if error.is::<ResolveError>() {
            return "upstream-unresolved";
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let unresolved = error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<ResolveError>);
            match error.kind() {
                _ if unresolved => return "upstream-unresolved",
                _ if is_exhaustion(error) => return "no-resources",
                io::ErrorKind::ConnectionRefused => return "upstream-refused",
                _ => {}
            }
        }
    }
    "upstream-unreachable"
}
