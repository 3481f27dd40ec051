//! The timeout matrix: which limit holds for which stretch of a call.

use crate::{Instant, Limit};
use std::time::Duration;

/// How long each stretch of a call may take; `None` is without limit.
///
/// | limit | from | to |
/// | --- | --- | --- |
/// | `connect` | the attempt's start | a connection that stands |
/// | `tls` | from there | TLS is agreed on, where it is spoken |
/// | `first_byte` | the request's last byte sent | the response's head |
/// | `attempt` | the attempt's start | the response's head |
/// | `idle` | the last byte of a body, either way | the next |
/// | `total` | the call's admission | the response's last byte |
///
/// The total also ends what no other limit covers: waiting in queues and between attempts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: Option<Duration>,
    /// From there until TLS is agreed on.
    pub tls: Option<Duration>,
    /// From the request's last byte to the response's head.
    pub first_byte: Option<Duration>,
    /// One attempt, up to the response's head.
    pub attempt: Option<Duration>,
    /// Between two bytes of a body.
    pub idle: Option<Duration>,
    /// The whole call.
    pub total: Option<Duration>,
}

impl Timeouts {
    /// No limit at all.
    pub const NONE: Self =
        Self { connect: None, tls: None, first_byte: None, attempt: None, idle: None, total: None };

    /// The limit of this name.
    pub const fn get(&self, limit: Limit) -> Option<Duration> {
        match limit {
            Limit::Connect => self.connect,
            Limit::Tls => self.tls,
            Limit::FirstByte => self.first_byte,
            Limit::Attempt => self.attempt,
            Limit::Idle => self.idle,
            Limit::Total => self.total,
        }
    }

    /// Returns the end of this limit for a stretch that began at `start`; [`Instant::FAR`] without a limit.
    pub fn expiry(&self, limit: Limit, start: Instant) -> Instant {
        self.get(limit).map_or(Instant::FAR, |allowed| start + allowed)
    }
}

impl Default for Timeouts {
    /// connect 1 s, TLS 1 s, first byte 15 s, attempt 15 s, idle 60 s, total 30 s.
    fn default() -> Self {
        Self {
            connect: Some(Duration::from_secs(1)),
            tls: Some(Duration::from_secs(1)),
            first_byte: Some(Duration::from_secs(15)),
            attempt: Some(Duration::from_secs(15)),
            idle: Some(Duration::from_secs(60)),
            total: Some(Duration::from_secs(30)),
        }
    }
}
