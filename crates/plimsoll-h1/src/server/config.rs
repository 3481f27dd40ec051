//! Limits and times of a server connection.

use crate::limits::HeadLimits;
use std::{num::NonZeroU64, time::Duration};

/// The configuration of the connections of one listener, shared by all of them.
/// [`set_config`](super::ServerConn::set_config) replaces it.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Limits of request heads and trailers.
    pub limits: HeadLimits,
    /// The most bytes of a request's body. Default 1 GiB.
    pub body: u64,
    /// The time without progress of a write after which the connection is broken. Default 30 s.
    pub write_stall: Duration,
    /// The least bytes a second of a response that the client must read on average, over the time that writes have to wait
    /// beyond [`Pace::GRACE`](crate::Pace::GRACE); below it the connection is broken. Default none.
    pub write_rate: Option<NonZeroU64>,
    /// The most bytes of an unread request body that are discarded to keep the connection. Default 64 KiB.
    pub drain_unread: u64,
    /// The time for which an unread body is discarded, and for which a connection that is closed before the client has
    /// finished sending is still read from, so that the client can read the response. Default 1 s.
    pub linger: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            limits: HeadLimits::default(),
            body: 1 << 30,
            write_stall: Duration::from_secs(30),
            write_rate: None,
            drain_unread: 64 * 1024,
            linger: Duration::from_secs(1),
        }
    }
}
