//! What holds for every HTTP/2 connection of ours, of a server, a client or a gateway.

use std::time::Duration;

/// How long a peer may take to say that it is there, once it is asked.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes that h2 holds of one stream, above the part that it has in hand, until the socket takes them.
pub const SEND_BUFFER: usize = 64 * 1024;

/// The window with which a connection begins (RFC 9113, section 6.9.2): it cannot be taken back.
const FIRST: u64 = 65_535;
/// The largest window there is (RFC 9113, section 6.9.1).
const LARGEST: u64 = (1 << 31) - 1;

/// Returns the window of a connection, in bytes, whose `streams` can all fill theirs of `stream` bytes without closing it
/// for the others: from 65,535 bytes to 2 GiB.
#[must_use]
pub fn connection_window(stream: u32, streams: u32) -> u32 {
    (u64::from(stream) * u64::from(streams)).clamp(FIRST, LARGEST) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_streams_fit_within_what_http_2_allows() {
        assert_eq!(connection_window(1 << 16, 100), 100 << 16);
        assert_eq!(connection_window(16 << 10, 1), 65_535);
        assert_eq!(connection_window(16 << 20, 1000), (1 << 31) - 1);
    }
}
