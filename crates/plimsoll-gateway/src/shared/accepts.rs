use plimsoll::{policy::Instant, telemetry::logs::Repeats};
use std::{io, time::Duration};

/// How often the same error is a line of its own.
const WINDOW: Duration = Duration::from_secs(60);

/// Kinds of errors that are told apart at once.
const MOST: usize = 64;

/// Connections that could not be accepted: a line in the log, one a minute of a kind.
#[derive(Debug)]
pub(crate) struct AcceptFailures(Repeats<io::ErrorKind, String>);

impl Default for AcceptFailures {
    fn default() -> Self {
        Self(Repeats::new(WINDOW, MOST))
    }
}

impl AcceptFailures {
    /// A connection could not be accepted.
    pub(crate) fn failed(&self, error: &io::Error, now: Instant) {
        if let Some(repeats) = self.0.seen(error.kind(), error.to_string(), now) {
            let repeats = (repeats > 0).then_some(repeats);
            tracing::error!(%error, repeats, "cannot accept connections");
        }
    }

    /// Tells what has gathered. To be called about once a second.
    pub(crate) fn log_repeats(&self, now: Instant) {
        for (_, repeats, error) in self.0.due(now).repeats {
            tracing::error!(error, repeats, "cannot accept connections");
        }
    }
}
