//! Connections of HTTP/2 on which nothing comes back.

use super::io::Wire;
use parking_lot::Mutex;
use plimsoll_policy::Instant;
use std::{fmt, sync::Arc, time::Duration};

/// How long requests may have waited in vain, without a byte from the peer, before no more of them go over a
/// connection.
const LONG: Duration = Duration::from_secs(1);

/// The time that requests have waited in vain on a connection since the peer was last heard of.
///
/// A peer whose machine is gone, or behind a firewall that has forgotten the connection, says nothing, and TCP takes
/// many minutes to notice. Calls that time out meanwhile would go over the same connection again. A ping is sent after
/// minutes only, since servers take offence at more ([`http2_ping`](super::Builder::http2_ping)).
pub(super) struct Silence {
    wire: Arc<Wire>,
    waited: Mutex<Waited>,
}

#[derive(Debug)]
struct Waited {
    reads: u64,
    time: Duration,
    /// Up to here it has been counted: requests that waited at the same time count once.
    until: Instant,
}

impl Silence {
    pub(super) fn new(wire: Arc<Wire>) -> Self {
        let waited = Waited { reads: wire.reads(), time: Duration::ZERO, until: Instant::default() };
        Self { wire, waited: Mutex::new(waited) }
    }

    /// Returns the number of reads that brought something, to be told when a request that begins now has ended.
    pub(super) fn reads(&self) -> u64 {
        self.wire.reads()
    }

    /// A request has ended: with its response, or given up.
    pub(super) fn ended(&self, reads: u64, began: Instant, now: Instant) {
        let current = self.wire.reads();
        if current != reads {
            // The usual case: a response came, or something for another request.
            return;
        }
        let mut waited = self.waited.lock();
        if waited.reads != current {
            waited.reads = current;
            waited.time = Duration::ZERO;
        }
        let since = began.max(waited.until);
        waited.time += now.since(since);
        waited.until = now;
    }

    /// Returns whether nothing has been heard for so long that requests should go elsewhere.
    pub(super) fn is_long(&self) -> bool {
        let waited = self.waited.lock();
        waited.time >= LONG && waited.reads == self.wire.reads()
    }
}

impl fmt::Debug for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Silence").field("waited", &self.waited).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_waited_at_the_same_time_count_once_and_idle_time_does_not() {
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let silence = Silence::new(Arc::default());
        for began in [1000, 1100, 1200] {
            silence.ended(0, at(began), at(1600));
        }
        assert!(!silence.is_long(), "600 ms");
        silence.ended(0, at(60_000), at(60_300));
        assert!(!silence.is_long(), "900 ms");
        silence.ended(0, at(90_000), at(90_100));
        assert!(silence.is_long());
    }
}
