use crate::headers::{EXPECTED_TIMEOUT, GRPC_TIMEOUT, expected_timeout, grpc_timeout};
use http::{Extensions, HeaderMap, HeaderName, header};
use plimsoll_task::Deadline;
use std::time::Duration;
use tokio::time::Instant;

/// Where a request's deadline comes from. The earliest counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadlineRules {
    /// The server's own limit, from the request's head to its response's last byte.
    pub total: Option<Duration>,
    /// The header in which callers say, in milliseconds, how long they wait.
    pub header: Option<HeaderName>,
    /// Whether `grpc-timeout` counts.
    pub grpc: bool,
}

impl Default for DeadlineRules {
    /// 30 seconds, `x-envoy-expected-rq-timeout-ms` and `grpc-timeout`.
    fn default() -> Self {
        Self { total: Some(Duration::from_secs(30)), header: Some(EXPECTED_TIMEOUT), grpc: true }
    }
}

impl DeadlineRules {
    /// Returns the deadline of a request that began at `now`.
    pub(crate) fn deadline(&self, now: Instant, headers: &HeaderMap, extensions: &Extensions) -> Deadline {
        // One look at each name: most callers say nothing.
        let has = |name: &HeaderName| headers.keys().any(|known| known == name);
        let header = self.header.as_ref().filter(|name| has(name));
        let said = header.and_then(|name| expected_timeout(headers, name));
        let grpc = if self.grpc && has(&GRPC_TIMEOUT) { grpc_timeout(headers) } else { None };
        let least = [self.total, said, grpc].into_iter().flatten().min();
        let own = least.and_then(|least| now.checked_add(least)).map_or(Deadline::NEVER, Deadline::at);
        let own = own.earliest(Deadline::current());
        extensions.get::<Deadline>().map_or(own, |known| own.earliest(*known))
    }
}

/// Put into a response's extensions: until when its body may go on, in place of the request's deadline.
///
/// For what is meant to take long, such as an export or a large file. [`Deadline::NEVER`] leaves it to the limit on
/// clients that do not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RespondBy(
    /// The body's own deadline.
    pub Deadline,
);

/// Until when the body of a response with this head may go on.
pub(crate) fn body_deadline(request: Deadline, headers: &HeaderMap, extensions: &Extensions) -> Deadline {
    if let Some(RespondBy(own)) = extensions.get() {
        return *own;
    }
    // One look at each name: cheaper than to hash one.
    let events = headers
        .iter()
        .find(|(name, _)| **name == header::CONTENT_TYPE)
        .is_some_and(|(_, kind)| kind.as_bytes().starts_with(b"text/event-stream"));
    if events { Deadline::NEVER } else { request }
}
