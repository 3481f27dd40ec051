use std::{num::NonZeroU64, time::Duration};

/// Limits of clients: sizes and times. Each has a default that works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitsSpec {
    /// Bytes of a request's head. Default 32 KiB.
    pub head: usize,
    /// Header fields of a request. Default 100, at most 128.
    pub fields: usize,
    /// Bytes of a request's target. Default 8 KiB.
    pub target: usize,
    /// Bytes of the trailers behind a request's body. Default 8 KiB.
    pub trailers: usize,
    /// Bytes of a request's body. Default 1 GiB.
    pub body: u64,
    /// From a request's first byte to the end of its head. Default 10 s.
    pub head_time: Duration,
    /// How long a kept connection may wait for its next request. Default 60 s.
    pub idle_time: Duration,
    /// How long a client may take nothing of a response. Default 30 s.
    pub write_time: Duration,
    /// How long a client may send nothing of a request's body. Default 30 s.
    pub body_time: Duration,
    /// Bytes a second that a client must at least send or take on average, over the time that it is waited for beyond 10 s.
    /// Default none.
    pub min_rate: Option<NonZeroU64>,
    /// Connections in all. Default 65 536.
    pub connections: usize,
    /// Connections of one client, by its IPv4 address or its IPv6 /64. Default 4096.
    pub per_client: usize,
    /// Streams at once on one HTTP/2 connection. Default 128.
    pub streams: u32,
    /// Bytes that a client may send ahead on one HTTP/2 stream. The window of the connection is as large as those of all its
    /// streams together, so that no stream whose bytes are not read holds up the others. Default 128 KiB.
    pub window: u32,
    /// Bytes of responses, in all, that HTTP/2 clients have not taken. Above it no response is read ahead, and the connections
    /// that take nothing are closed. Default 256 MiB.
    pub unsent: u64,
    /// For how long an HTTP/2 client may be silent before it is asked whether it is there. Default 2 min.
    pub ping: Option<Duration>,
    /// Bytes of a request's body that are kept for sending it again. Default 64 KiB.
    pub replay: usize,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            head: 32 * 1024,
            fields: 100,
            target: 8 * 1024,
            trailers: 8 * 1024,
            body: 1 << 30,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            write_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
            min_rate: None,
            connections: 65_536,
            per_client: 4096,
            streams: 128,
            window: 128 * 1024,
            unsent: 256 << 20,
            ping: Some(Duration::from_secs(120)),
            replay: 64 * 1024,
        }
    }
}
