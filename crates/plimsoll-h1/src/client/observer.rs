//! Observation of an exchange while it is under way.

use http::Response;
use std::time::Duration;

/// An observer of an exchange, from its start to the head of its response. Every method does nothing by default.
pub trait Observer {
    /// Called when the socket has accepted `bytes` of the request in all, framing counted; the first call means that the
    /// request has left.
    fn written(&mut self, bytes: u64) {
        let _ = bytes;
    }

    /// Called when the socket has accepted the whole request: from here on the upstream is waited for.
    fn sent(&mut self) {}

    /// Called with `true` when everything available of the request has been written and its body has nothing more at
    /// present, and with `false` when that is over.
    fn starved(&mut self, starved: bool) {
        let _ = starved;
    }

    /// Returns for how long a response may still be read and discarded so that the connection can be kept, when the
    /// exchange is dropped after the request was sent and before any of the response came. `None`: the connection is
    /// closed at once.
    fn spares(&self) -> Option<Duration> {
        None
    }

    /// Called with each interim response (1xx other than 101).
    fn interim(&mut self, response: Response<()>) {
        let _ = response;
    }
}

/// Observes nothing.
impl Observer for () {}
