//! Responses of HTTP and gRPC, and what each means to a policy: one table for everything that classifies.
//!
//! Plimsoll runs it through its functions, its tower layers, its client and its gateway, so that a response means the
//! same in all of them. The reasons, with their sources, are in the documentation of `plimsoll_driver::classify`.

mod table;

pub use table::TABLE;

use bytes::Bytes;
use plimsoll_policy::{Cause, Failure, Outcome, Settlement, retry::RetryOn};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A field's name and value.
pub type Field = (&'static str, &'static str);

/// A response, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    /// Its HTTP status.
    pub status: u16,
    /// The fields of its head.
    pub headers: &'static [Field],
    /// Its trailers; empty for a response that ends without any.
    pub trailers: &'static [Field],
    /// The settlement of the head. [`wait`](Self::wait) replaces its `retry_after`, which is `None` here.
    pub head: Settlement,
    /// The wait that the peer asks for.
    pub wait: Option<Wait>,
    /// The outcome of the body's end; [`Outcome::Success`] where it adds nothing to the head.
    pub end: Outcome,
}

/// A wait that the peer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// So long.
    For(Duration),
    /// Until so many seconds after the Unix epoch.
    Until(u64),
}

impl Wait {
    /// How long it is at this time of the wall clock.
    pub fn at(self, now: SystemTime) -> Duration {
        match self {
            Self::For(wait) => wait,
            Self::Until(seconds) => {
                let until = UNIX_EPOCH + Duration::from_secs(seconds);
                until.duration_since(now).unwrap_or_default()
            }
        }
    }
}

/// The label that a metric has for an outcome of this table.
pub const fn label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failure(_) => "failure-answered",
        Outcome::Throttled => "throttled",
        Outcome::Cancelled => "cancelled",
        _ => "success",
    }
}

/// The causes that a policy under this table retries: these statuses and nothing else.
///
/// # Panics
/// Never: each is a status that can be retried.
pub fn retried() -> RetryOn {
    let statuses = [408, 429, 500, 503, 504];
    let with = |on: RetryOn, status| on.with_status(status).expect("a status that can be retried");
    statuses.into_iter().fold(RetryOn::NONE, with)
}

impl Response {
    /// Returns whether it is one of gRPC, by its `Content-Type`.
    pub fn is_grpc(&self) -> bool {
        let is_grpc = |value: &str| value.to_ascii_lowercase().starts_with("application/grpc");
        self.headers.iter().any(|(name, value)| *name == "content-type" && is_grpc(value))
    }

    /// Returns the settlement of the head at this time of the wall clock.
    pub fn settlement(&self, now: SystemTime) -> Settlement {
        Settlement { retry_after: self.wait.map(|wait| wait.at(now)), ..self.head }
    }

    /// The worse of what head and body say: the outcome of the whole response.
    pub fn outcome(&self) -> Outcome {
        if self.end == Outcome::Success { self.head.outcome } else { self.end }
    }

    /// Returns whether it is asked for again by a policy that retries these causes, if no retry begins later than
    /// `window` after the first attempt.
    pub fn is_retried(&self, on: &RetryOn, window: Duration) -> bool {
        let in_time = self.wait.is_none_or(|wait| wait.at(SystemTime::now()) <= window);
        self.head.cause.is_some_and(|cause| on.contains(cause)) && in_time
    }

    /// The response as HTTP/1.1 has it, with a body of two bytes where its status allows one. Trailers go in chunks.
    pub fn to_http1(&self) -> Bytes {
        use std::fmt::Write as _;
        let mut text = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        let put = |text: &mut String, fields: &[Field]| {
            for (name, value) in fields {
                write!(text, "{name}: {value}\r\n").expect("a string takes all that fits into memory");
            }
        };
        put(&mut text, self.headers);
        if matches!(self.status, 204 | 304) {
            text.push_str("\r\n");
        } else if self.trailers.is_empty() {
            text.push_str("content-length: 2\r\n\r\nok");
        } else {
            text.push_str("transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n");
            put(&mut text, self.trailers);
            text.push_str("\r\n");
        }
        text.into()
    }

    const fn new(status: u16, headers: &'static [Field]) -> Self {
        let (head, end) = (Settlement::SUCCESS, Outcome::Success);
        Self { status, headers, trailers: &[], head, wait: None, end }
    }

    const fn outcome_is(mut self, outcome: Outcome) -> Self {
        self.head.outcome = outcome;
        self
    }

    const fn fails(self) -> Self {
        self.outcome_is(Outcome::Failure(Failure::Response))
    }

    const fn throttles(self) -> Self {
        self.outcome_is(Outcome::Throttled)
    }

    const fn retried_as(mut self, status: u16) -> Self {
        self.head.cause = Some(Cause::Status(status));
        self
    }

    const fn retried_by_request(mut self) -> Self {
        self.head.cause = Some(Cause::Other);
        self
    }

    const fn after_secs(mut self, seconds: u64) -> Self {
        self.wait = Some(Wait::For(Duration::from_secs(seconds)));
        self
    }

    const fn after_ms(mut self, millis: u64) -> Self {
        self.wait = Some(Wait::For(Duration::from_millis(millis)));
        self
    }

    const fn until(mut self, seconds: u64) -> Self {
        self.wait = Some(Wait::Until(seconds));
        self
    }

    const fn then(mut self, trailers: &'static [Field], end: Outcome) -> Self {
        self.head.provisional = true;
        self.trailers = trailers;
        self.end = end;
        self
    }

    const fn with_trailers(mut self, trailers: &'static [Field]) -> Self {
        self.trailers = trailers;
        self
    }
}
