//! Finding the end of a head, a byte at most twice.

use memchr::memchr;

/// A line feed that no carriage return precedes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BareLineFeed;

/// Remembers how far a growing buffer has been looked at, so that a head that comes a byte at a time costs no
/// more than one that comes at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines {
    seen: usize,
    line: usize,
    first: usize,
}

impl Lines {
    /// The length of the section up to and with its empty line, once all of it is in `bytes`.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, BareLineFeed> {
        while let Some(ahead) = memchr(b'\n', &bytes[self.seen..]) {
            let feed = self.seen + ahead;
            if feed == 0 || bytes[feed - 1] != b'\r' {
                self.seen = feed;
                return Err(BareLineFeed);
            }
            if feed - 1 == self.line {
                return Ok(Some(feed + 1));
            }
            if self.first == 0 {
                self.first = feed - 1;
            }
            self.seen = feed + 1;
            self.line = feed + 1;
        }
        self.seen = bytes.len();
        Ok(None)
    }

    /// The length of the first line without its end, or what has been seen of it so far.
    pub(crate) fn first_line(&self) -> usize {
        if self.first > 0 { self.first } else { self.seen }
    }

    /// Whether the first line is complete.
    pub(crate) fn past_first(&self) -> bool {
        self.first > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_same_however_the_bytes_come() {
        let head = b"GET / HTTP/1.1\r\na: b\r\n\r\nrest";
        for cut in 0..head.len() {
            let mut lines = Lines::default();
            let early = lines.end(&head[..cut]).unwrap();
            assert_eq!(early, (cut >= 24).then_some(24), "{cut}");
            if early.is_none() {
                assert_eq!(lines.end(head), Ok(Some(24)), "{cut}");
            }
        }
    }

    #[test]
    fn a_bare_line_feed_is_seen_at_once() {
        for bytes in [&b"\n"[..], b"GET / HTTP/1.1\n", b"a\r\nb\n", b"a\r\n\n"] {
            assert_eq!(Lines::default().end(bytes), Err(BareLineFeed), "{bytes:?}");
        }
    }
}
