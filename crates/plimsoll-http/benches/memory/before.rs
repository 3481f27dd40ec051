//! The same hot paths as they are written first: owned strings, copied bodies.
//!
//! The benches measure against them, and the test of allocations counts theirs beside ours.

use bytes::Bytes;
use http_body::{Body as _, Frame};
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// Without dot segments, always in a string of its own.
pub(crate) fn normalize(path: &str) -> Result<String, &'static str> {
    let bytes = path.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    if !memchr::memchr_iter(b'%', bytes).all(|at| hex(at + 1) && hex(at + 2)) {
        return Err("a broken escape");
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        match segment {
            "." | "%2e" | "%2E" => {}
            ".." | "%2e%2e" | "%2E%2E" | ".%2e" | ".%2E" | "%2e." | "%2E." => {
                kept.pop().ok_or("above the root")?;
            }
            name => kept.push(name),
        }
    }
    let mut clean = String::with_capacity(path.len());
    for segment in kept {
        clean.push('/');
        clean.push_str(segment);
    }
    Ok(clean)
}

/// A body that is there already.
pub(crate) struct Body(VecDeque<Bytes>);

impl Body {
    /// Of these chunks, shared.
    pub(crate) fn of(chunks: &[Bytes]) -> Self {
        Self(chunks.iter().cloned().collect())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// 64 KiB in four chunks.
pub(crate) fn chunks() -> Vec<Bytes> {
    (0..4_u8).map(|number| Bytes::from(vec![number; 16 << 10])).collect()
}

/// Takes all of a body that is there, and returns its length.
pub(crate) fn drained(body: impl http_body::Body<Data = Bytes>) -> usize {
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    let mut len = 0;
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) {
        len += frame.data_ref().map_or(0, Bytes::len);
    }
    len
}

/// The first attempt copies what passes by; the second sends the copy.
pub(crate) fn sent_twice(chunks: &[Bytes]) -> usize {
    let mut body = pin!(Body::of(chunks));
    let mut cx = Context::from_waker(Waker::noop());
    let mut kept: Vec<u8> = Vec::new();
    let mut len = 0;
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) {
        let Ok(chunk) = frame.into_data() else { break };
        kept.extend_from_slice(&chunk);
        len += chunk.len();
    }
    // The original may be asked for a third time.
    let again = Bytes::from(kept.clone());
    len + drained(http_body_util::Full::new(again))
}
