//! Reading a request, as far as an upstream that misbehaves has to: to its end.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest head that is looked at: a test's own.
const HEAD: usize = 64 * 1024;

/// Requests from one connection, in turn.
pub(crate) struct Requests<R> {
    from: R,
    read: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Requests<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, read: Vec::new() }
    }

    /// Reads one, body and all, and gives its head; `None` at the connection's end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<String>> {
        let end = loop {
            if let Some(at) = find(&self.read, b"\r\n\r\n") {
                break at + 4;
            }
            if self.read.len() > HEAD || !self.more().await? {
                return Ok(None);
            }
        };
        let rest = self.read.split_off(end);
        let head = String::from_utf8_lossy(&std::mem::replace(&mut self.read, rest)).into_owned();
        let whole = match framing(&head) {
            Framing::Length(length) => self.skip(length).await?,
            Framing::Chunked => self.skip_chunks().await?,
        };
        Ok(whole.then_some(head))
    }

    async fn more(&mut self) -> io::Result<bool> {
        Ok(self.from.read_buf(&mut self.read).await? > 0)
    }

    async fn skip(&mut self, mut length: usize) -> io::Result<bool> {
        loop {
            let now = length.min(self.read.len());
            self.read.drain(..now);
            length -= now;
            if length == 0 {
                return Ok(true);
            }
            if !self.more().await? {
                return Ok(false);
            }
        }
    }

    async fn skip_chunks(&mut self) -> io::Result<bool> {
        loop {
            let Some(line) = self.line().await? else { return Ok(false) };
            let size = line.split(';').next().unwrap_or_default().trim();
            let Ok(size) = usize::from_str_radix(size, 16) else { return Ok(false) };
            if size == 0 {
                // Trailers, to the empty line.
                while let Some(line) = self.line().await? {
                    if line.is_empty() {
                        return Ok(true);
                    }
                }
                return Ok(false);
            }
            if !self.skip(size + 2).await? {
                return Ok(false);
            }
        }
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = find(&self.read, b"\r\n") {
                let line = String::from_utf8_lossy(&self.read[..at]).into_owned();
                self.read.drain(..at + 2);
                return Ok(Some(line));
            }
            if self.read.len() > HEAD || !self.more().await? {
                return Ok(None);
            }
        }
    }
}

enum Framing {
    Length(usize),
    Chunked,
}

fn framing(head: &str) -> Framing {
    let mut length = 0;
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Framing::Chunked;
        }
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    Framing::Length(length)
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_are_read_to_their_end_whatever_their_framing() {
        let bytes: &[u8] = b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n\
            POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\nGET /d HTTP/1.1\r\n\r\n";
        let mut requests = Requests::new(bytes);
        for path in ["/a", "/b", "/c", "/d"] {
            let head = requests.next().await.unwrap().unwrap();
            assert!(head.contains(path), "{head}");
        }
        assert_eq!(requests.next().await.unwrap(), None);
    }
}
