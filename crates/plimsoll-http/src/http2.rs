//! Constants that hold for every HTTP/2 connection of a server, a client or a gateway.

#[cfg(feature = "client")]
use std::error::Error;
use std::time::Duration;

/// How long a peer may take to say that it is there, once it is asked.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes that h2 holds of one stream, above the part that it has in hand, until the socket takes them.
pub const SEND_BUFFER: usize = 64 * 1024;

/// The window with which a connection begins (RFC 9113, section 6.9.2): it cannot be taken back.
const FIRST: u64 = 65_535;
/// The largest window there is (RFC 9113, section 6.9.1).
const LARGEST: u64 = (1 << 31) - 1;

/// Returns the window of a connection, in bytes, whose `streams` can all fill theirs of `stream` bytes without closing
/// it for the others: from 65,535 bytes to 2 GiB.
#[must_use]
pub fn connection_window(stream: u32, streams: u32) -> u32 {
    (u64::from(stream) * u64::from(streams)).clamp(FIRST, LARGEST) as u32
}

/// Returns whether this error, or one behind it, says that the peer has not looked at the request ([RFC 9113, section
/// 8.7](https://www.rfc-editor.org/rfc/rfc9113#section-8.7)): it refused the stream, or went away without it.
#[cfg(feature = "client")]
#[must_use]
pub fn is_untouched(error: &(dyn Error + 'static)) -> bool {
    cause(error).is_some_and(|error| {
        let gone_before = error.is_go_away() && error.is_remote();
        gone_before || error.reason() == Some(h2::Reason::REFUSED_STREAM)
    })
}

/// The protocol's error among an error and those behind it.
#[cfg(feature = "client")]
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a h2::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "client")]
    #[derive(Debug, thiserror::Error)]
    #[error("broken")]
    struct Outer(#[source] h2::Error);

    #[cfg(feature = "client")]
    #[test]
    fn a_refused_stream_is_untouched_however_deep_it_lies() {
        let refused = h2::Error::from(h2::Reason::REFUSED_STREAM);
        assert!(is_untouched(&refused));
        assert!(is_untouched(&Outer(refused)));
        for other in [h2::Reason::CANCEL, h2::Reason::ENHANCE_YOUR_CALM] {
            let error = h2::Error::from(other);
            assert!(!is_untouched(&error), "{other}");
        }
        assert!(!is_untouched(&std::io::Error::other("broken")));
    }

    #[test]
    fn all_streams_fit_within_what_http_2_allows() {
        assert_eq!(connection_window(1 << 16, 100), 100 << 16);
        assert_eq!(connection_window(16 << 10, 1), 65_535);
        assert_eq!(connection_window(16 << 20, 1000), (1 << 31) - 1);
    }
}
