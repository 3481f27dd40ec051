//! Search for the end of a head that looks at each byte at most twice.

use memchr::memchr;

/// A line feed without a carriage return before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BareLineFeedError;

/// The progress of a search through a growing buffer, so that a head that comes a byte at a time costs no more than one
/// that comes at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeadScanner {
    seen: usize,
    line: usize,
    first: usize,
}

impl HeadScanner {
    /// Returns the length of the section up to and with its empty line, once all of it is in `bytes`.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, BareLineFeedError> {
        while let Some(ahead) = memchr(b'\n', &bytes[self.seen..]) {
            let feed = self.seen + ahead;
            if feed == 0 || bytes[feed - 1] != b'\r' {
                self.seen = feed;
                return Err(BareLineFeedError);
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

    /// Returns the length of the first line without its end, or of the part of it seen so far.
    pub(crate) fn first_line(&self) -> usize {
        if self.first > 0 { self.first } else { self.seen }
    }

    /// Returns whether the first line is complete.
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
            let mut lines = HeadScanner::default();
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
            assert_eq!(HeadScanner::default().end(bytes), Err(BareLineFeedError), "{bytes:?}");
        }
    }
}
