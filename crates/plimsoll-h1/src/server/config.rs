//! What a server connection allows and how long it waits.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::limits::HeadLimits;

/// Limits of the connections of one listener. Shared by all of them; changed by giving connections another one.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Bounds of request heads and trailers.
    pub limits: HeadLimits,
    /// Bytes of a request's body. Default 1 GiB.
    pub body: u64,
    /// How long the client may take nothing of an answer before the connection is broken. Default 30 s.
    pub write_stall: Duration,
    /// Bytes a second of an answer that the client must at least take on average, over the time that writes have to wait
    /// beyond 10 s, before the connection is broken. Default none.
    pub write_rate: Option<NonZeroU64>,
    /// How much of an unread request body is read and thrown away to keep the connection. Default 64 KiB.
    pub drain_unread: u64,
    /// How long an unread body is drained, and how long a connection that is closed before the client has
    /// finished sending is read from, so that the client gets to read the answer. Default 1 s.
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
