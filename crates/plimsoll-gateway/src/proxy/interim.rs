//! Interim responses (1xx) on their way to a client.

use crate::h1::server::Informational;
use http::Response;
use std::fmt;

/// Takes interim responses for a client, until the final one has begun.
pub(crate) trait InterimSink: fmt::Debug {
    /// Sends one, and says whether it was taken. Not taken are 101, a `100 Continue` that nobody waits for, and more than a
    /// client that does not read may be sent.
    fn send(&self, interim: Response<()>) -> bool;
}

impl InterimSink for Informational {
    fn send(&self, interim: Response<()>) -> bool {
        Self::send(self, interim.status(), interim.headers())
    }
}
