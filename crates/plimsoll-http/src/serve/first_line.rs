//! The first line of a connection.

/// A reader of a connection's first line, which comes in pieces. It keeps none of them.
#[derive(Debug, Default)]
pub(super) struct FirstLine {
    spaces: u8,
    /// Bytes of the second word.
    length: usize,
    /// Whether one of those is a part of every target of its form.
    target: bool,
    over: bool,
}

impl FirstLine {
    /// Reads on. Returns true where the second word has none of the forms of a target ([RFC 9112, section
    /// 3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)): it is neither a request of HTTP/1.x nor the preface of
    /// HTTP/2, and a response of HTTP/1.1 would not be understood ([RFC 9113, section
    /// 3.4](https://www.rfc-editor.org/rfc/rfc9113#section-3.4)).
    pub(super) fn has_no_target(&mut self, bytes: &[u8]) -> bool {
        if self.over {
            return false;
        }
        for byte in bytes {
            match byte {
                b' ' if self.spaces == 1 => {
                    self.over = true;
                    return self.length > 0 && !self.target;
                }
                b' ' => self.spaces += 1,
                b'\r' | b'\n' => {
                    self.over = true;
                    return false;
                }
                byte if self.spaces == 1 => {
                    self.length += 1;
                    self.target |= matches!(byte, b'/' | b':' | b'*');
                }
                _ => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_one_of_four_forms() {
        for (line, foreign) in [
            ("GET / HTTP/1.1\r\nHost: a b c\r\n\r\n", false),
            ("GET http://a HTTP/1.1\r\n", false),
            ("CONNECT a:80 HTTP/1.1\r\n", false),
            ("OPTIONS * HTTP/1.1\r\n", false),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false),
            ("GET  / HTTP/1.1\r\n", false),
            ("GET /\r\na b c\r\n", false),
            ("INVALID CONNECTION\r\n", false),
            ("\r\na b c\r\n", false),
            ("INVALID CONNECTION PREFACE\r\n\r\n", true),
            ("INVALID CONNECTION ", true),
        ] {
            for size in [1, 5, 100] {
                let mut first = FirstLine::default();
                let said = line.as_bytes().chunks(size).any(|piece| first.has_no_target(piece));
                assert_eq!(said, foreign, "{line:?} by {size}");
            }
        }
    }
}
