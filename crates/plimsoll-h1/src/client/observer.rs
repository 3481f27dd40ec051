//! What may be learnt of an exchange while it is under way.

use std::time::Duration;

use http::Response;

/// Told what happens between the start of an exchange and the head of its answer.
///
/// Every method does nothing unless written otherwise.
pub trait Observer {
    /// The request now has `bytes` of its bytes in the socket, framing counted; the first call says that the
    /// request has left.
    fn written(&mut self, bytes: u64) {
        let _ = bytes;
    }

    /// The whole request has been given to the socket: from here on the upstream is waited for.
    fn sent(&mut self) {}

    /// Everything that there is of the request has been written and its body has nothing more at present (`true`), or
    /// that is over.
    fn starved(&mut self, starved: bool) {
        let _ = starved;
    }

    /// Asked when the exchange is given up after the request was sent and before any of the answer came: for how long
    /// the answer may still be heard out, unseen, so that the connection can be kept. `None`: it is closed at once.
    fn spares(&self) -> Option<Duration> {
        None
    }

    /// An interim answer (1xx other than 101) came.
    fn interim(&mut self, response: Response<()>) {
        let _ = response;
    }
}

/// Watches nothing.
impl Observer for () {}
