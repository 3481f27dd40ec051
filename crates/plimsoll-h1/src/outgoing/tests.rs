use super::*;
use http::{HeaderMap, HeaderValue};
use std::task::Waker;

/// Takes at most `most` bytes a write, and counts the writes.
struct Sink {
    got: Vec<u8>,
    most: usize,
    writes: usize,
}

impl AsyncWrite for Sink {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let count = buf.len().min(self.most);
        self.got.extend_from_slice(&buf[..count]);
        self.writes += 1;
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut left = self.most;
        for buf in bufs {
            let count = buf.len().min(left);
            self.got.extend_from_slice(&buf[..count]);
            left -= count;
        }
        self.writes += 1;
        Poll::Ready(Ok(self.most - left))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn send(mode: Mode, frames: &[&[u8]], most: usize) -> (Result<(), LengthError>, String, usize) {
    let mut out = Outgoing::new();
    let mut sink = Sink { got: Vec::new(), most, writes: 0 };
    let mut cx = Context::from_waker(Waker::noop());
    out.buf().extend_from_slice(b"head|");
    out.begin(mode, true);
    let mut result = Ok(());
    for (at, frame) in frames.iter().enumerate() {
        while !out.wants_frame() {
            assert!(out.poll_flush(&mut sink, &mut cx).is_ready());
        }
        result = out.push(Frame::data(Bytes::copy_from_slice(frame)), at + 1 == frames.len());
        if result.is_err() {
            break;
        }
    }
    assert!(out.poll_flush(&mut sink, &mut cx).is_ready());
    assert_eq!(out.is_done(), result.is_ok());
    (result, String::from_utf8(sink.got).unwrap(), sink.writes)
}

#[test]
fn head_and_body_leave_in_one_write() {
    let large = vec![b'x'; 5000];
    let (result, text, writes) = send(Mode::Chunked, &[&large], usize::MAX);
    assert_eq!(result, Ok(()));
    assert_eq!(text, format!("head|1388\r\n{}\r\n0\r\n\r\n", "x".repeat(5000)));
    assert_eq!(writes, 1);
    let (_, text, writes) = send(Mode::Length(3), &[b"abc"], usize::MAX);
    assert_eq!((text.as_str(), writes), ("head|abc", 1));
    let (_, text, writes) = send(Mode::Chunked, &[b"abc", b"d"], usize::MAX);
    assert_eq!((text.as_str(), writes), ("head|3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", 1));
}

#[test]
fn short_writes_lose_nothing() {
    let large = vec![b'x'; 5000];
    let whole = send(Mode::Chunked, &[b"ab", &large, b"", b"cd"], usize::MAX).1;
    for most in [1, 2, 3, 7, 4096] {
        assert_eq!(send(Mode::Chunked, &[b"ab", &large, b"", b"cd"], most).1, whole);
    }
}

#[test]
fn the_length_is_kept_exactly() {
    assert_eq!(send(Mode::Length(4), &[b"ab", b"cd"], 9).0, Ok(()));
    assert_eq!(send(Mode::Length(4), &[b"ab", b"c"], 9).0, Err(LengthError::Short));
    assert_eq!(send(Mode::Length(4), &[b"ab", b"cde"], 9).0, Err(LengthError::Long));
    assert_eq!(send(Mode::None, &[b"a"], 9).0, Err(LengthError::Long));
}

#[test]
fn trailers_end_a_chunked_body_only() {
    let mut trailers = HeaderMap::new();
    trailers.insert("sum", HeaderValue::from_static("1"));
    trailers.insert("content-length", HeaderValue::from_static("1"));
    let mut out = Outgoing::new();
    out.begin(Mode::Chunked, true);
    out.push(Frame::trailers(trailers.clone()), true).unwrap();
    assert_eq!(out.finish(), Ok(()));
    assert_eq!(&out.buf()[..], b"0\r\nsum: 1\r\n\r\n");
    let mut out = Outgoing::new();
    out.begin(Mode::Length(0), true);
    out.push(Frame::trailers(trailers), true).unwrap();
    assert!(out.is_done());
}
