//! The read buffer of a connection, and the thread's pool that it comes from.
//!
//! A connection that waits holds no buffer. It takes one from its thread's pool when there is something to read. A slice split off the buffer (a header value, a body chunk) keeps the memory alive by itself, so a buffer
//! may go back to the pool before its last slice is gone: the pool checks that when the buffer is taken again.

use crate::transport::Transport;
use bytes::{Bytes, BytesMut};
use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    pin::pin,
    task::{Context, Poll},
};
use tokio::io::AsyncReadExt as _;

/// Sizes of reads. Heads and small bodies fit the first; a body that keeps filling its buffer climbs, so that
/// a large one costs few system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Middle,
    Large,
}

/// The buffers of each size that a thread keeps for later: at most 1 + 0.5 + 1 MiB.
const KEPT: [usize; 3] = [128, 16, 8];

/// The pooled buffers that are looked at for one without slices. The oldest come first: a buffer comes back while the
/// head in it is still in use, and is free about a request later.
const LOOKED_AT: usize = 4;

impl Size {
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Size::Small => 8 * 1024,
            Size::Middle => 32 * 1024,
            Size::Large => 128 * 1024,
        }
    }

    const fn larger(self) -> Self {
        match self {
            Size::Small => Size::Middle,
            Size::Middle | Size::Large => Size::Large,
        }
    }
}

thread_local! {
    static POOL: RefCell<[VecDeque<BytesMut>; 3]> =
        const { RefCell::new([VecDeque::new(), VecDeque::new(), VecDeque::new()]) };
}

/// Returns an empty buffer with room for `size` bytes: a pooled one without slices, or a new one.
pub(crate) fn take(size: Size) -> BytesMut {
    let pooled = POOL.try_with(|pool| {
        let shelf = &mut pool.borrow_mut()[size as usize];
        for _ in 0..shelf.len().min(LOOKED_AT) {
            let mut buffer = shelf.pop_front()?;
            if buffer.try_reclaim(size.bytes()) {
                return Some(buffer);
            }
            shelf.push_back(buffer);
        }
        None
    });
    pooled.ok().flatten().unwrap_or_else(|| BytesMut::with_capacity(size.bytes()))
}

/// Returns a buffer to the pool. One that has grown far beyond its size is freed, so that one large head does not occupy
/// memory for good.
pub(crate) fn give(mut buffer: BytesMut, size: Size) {
    buffer.clear();
    if buffer.capacity() > 2 * size.bytes() {
        return;
    }
    // The pool is gone only while the thread ends.
    let _ = POOL.try_with(|pool| {
        let shelf = &mut pool.borrow_mut()[size as usize];
        if shelf.len() == KEPT[size as usize] {
            shelf.pop_front();
        }
        shelf.push_back(buffer);
    });
}

/// A read buffer: bytes that were read and not yet consumed. It holds no memory while it is empty and nothing is being
/// read; its memory comes from a pool of its thread.
#[derive(Debug)]
pub struct ReadBuffer {
    bytes: BytesMut,
    held: Option<Size>,
    want: Size,
}

impl ReadBuffer {
    /// Creates an empty buffer without memory.
    pub fn new() -> Self {
        Self { bytes: BytesMut::new(), held: None, want: Size::Small }
    }

    /// Creates a buffer that already holds `bytes`, for a connection taken over from another protocol's reader.
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut buffer = Self::new();
        if !bytes.is_empty() {
            buffer.make_room();
            buffer.bytes.extend_from_slice(bytes);
        }
        buffer
    }

    /// Returns the number of bytes that were read and not consumed.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether nothing is buffered.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the bytes that were read and not consumed.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Consumes the first `count` bytes.
    ///
    /// # Panics
    /// If fewer are buffered.
    pub fn skip(&mut self, count: usize) {
        bytes::Buf::advance(&mut self.bytes, count);
    }

    /// Splits the first `count` bytes off, without copying.
    ///
    /// # Panics
    /// If fewer are buffered.
    pub fn split(&mut self, count: usize) -> Bytes {
        self.split_mut(count).freeze()
    }

    /// As [`split`](Self::split), of bytes that may still be changed.
    pub(crate) fn split_mut(&mut self, count: usize) -> BytesMut {
        if count == self.bytes.len() { self.bytes.split() } else { self.bytes.split_to(count) }
    }

    /// Reads once and appends; `Ok(0)` is the end of the stream. When the read has to wait and nothing is buffered, the
    /// memory goes back to the pool. Cancel safe.
    ///
    /// # Errors
    /// If reading fails.
    pub fn poll_fill<IO: Transport>(&mut self, io: &mut IO, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Most polls find nothing: memory is taken once there is something to read.
        if io.poll_readable(cx).is_pending() {
            self.release();
            return Poll::Pending;
        }
        self.make_room();
        let room = self.bytes.capacity() - self.bytes.len();
        let polled = pin!(io.read_buf(&mut self.bytes)).poll(cx);
        match &polled {
            Poll::Ready(Ok(count)) if *count == room => self.want = self.want.larger(),
            Poll::Ready(_) => {}
            Poll::Pending => self.release(),
        }
        polled
    }

    /// Returns the memory to the pool if nothing is buffered.
    pub fn release(&mut self) {
        if self.bytes.is_empty()
            && let Some(size) = self.held.take()
        {
            give(std::mem::take(&mut self.bytes), size);
        }
    }

    /// As [`release`](Self::release), and the next message starts with small reads (8 KiB) again.
    pub fn settle(&mut self) {
        self.want = Size::Small;
        self.release();
    }

    fn make_room(&mut self) {
        let want = self.want.bytes();
        if self.bytes.is_empty() {
            if self.held == Some(self.want) && self.bytes.try_reclaim(want) {
                return;
            }
        } else if self.bytes.capacity() - self.bytes.len() >= want / 8 {
            return;
        } else if self.bytes.len() > want / 2 {
            // A head larger than its buffer: rare, and bounded by the limits.
            self.bytes.reserve(want);
            return;
        }
        let fresh = take(self.want);
        let old = std::mem::replace(&mut self.bytes, fresh);
        self.bytes.extend_from_slice(&old);
        if let Some(size) = self.held.replace(self.want) {
            give(old, size);
        }
    }
}

impl Default for ReadBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        self.bytes.clear();
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Cursor, task::Waker};

    fn fill(buffer: &mut ReadBuffer, bytes: &[u8]) -> usize {
        let mut io = Cursor::new(bytes.to_vec());
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(count)) = buffer.poll_fill(&mut io, &mut cx) else {
            panic!("a slice is always ready")
        };
        count
    }

    #[test]
    fn memory_is_held_only_while_bytes_are() {
        let mut buffer = ReadBuffer::new();
        assert_eq!(buffer.bytes.capacity(), 0);
        fill(&mut buffer, b"abc");
        assert!(buffer.bytes.capacity() > 0);
        assert_eq!(buffer.split(3), "abc");
        buffer.release();
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[tokio::test]
    async fn waiting_holds_no_memory() {
        let (mut near, _far) = tokio::io::duplex(16);
        let mut buffer = ReadBuffer::new();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(buffer.poll_fill(&mut near, &mut cx).is_pending());
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn the_same_memory_comes_back() {
        let mut buffer = ReadBuffer::new();
        fill(&mut buffer, b"first");
        let at = buffer.as_slice().as_ptr();
        drop(buffer.split(5));
        buffer.release();
        fill(&mut buffer, b"second");
        assert_eq!(buffer.as_slice().as_ptr(), at);
    }

    #[test]
    fn slices_outlive_the_buffer_unchanged() {
        let mut buffer = ReadBuffer::new();
        fill(&mut buffer, b"first");
        let kept = buffer.split(5);
        buffer.release();
        fill(&mut buffer, b"other");
        assert_eq!(kept, "first");
        assert_eq!(buffer.as_slice(), b"other");
    }

    #[test]
    fn a_buffer_that_is_still_read_is_passed_over_and_kept() {
        let (first, second) = (take(Size::Small), take(Size::Small));
        let (at_first, at_second) = (first.as_ptr(), second.as_ptr());
        give(first, Size::Small);
        let mut busy = second;
        busy.extend_from_slice(b"head");
        let slice = busy.split().freeze();
        give(busy, Size::Small);
        let next = take(Size::Small);
        assert_eq!(next.as_ptr(), at_first);
        assert_ne!(take(Size::Small).as_ptr(), at_second);
        drop(slice);
        assert_eq!(take(Size::Small).as_ptr(), at_second);
    }

    #[tokio::test]
    async fn a_wait_with_a_buffer_that_somebody_reads_does_not_lend_it() {
        let (mut near, _far) = tokio::io::duplex(16);
        let mut buffer = ReadBuffer::new();
        fill(&mut buffer, b"first");
        let kept = buffer.split(5);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(buffer.poll_fill(&mut near, &mut cx).is_pending());
        fill(&mut buffer, b"other");
        assert_eq!(kept, "first");
    }

    #[test]
    fn full_reads_grow_the_next_and_settling_shrinks() {
        let mut buffer = ReadBuffer::new();
        let plenty = vec![7_u8; 1 << 20];
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let count = fill(&mut buffer, &plenty);
            drop(buffer.split(count));
            sizes.push(count);
        }
        assert_eq!(sizes, [8 * 1024, 32 * 1024, 128 * 1024, 128 * 1024]);
        buffer.settle();
        assert_eq!(fill(&mut buffer, &plenty), 8 * 1024);
    }

    #[test]
    fn a_long_head_is_kept_whole_across_reads() {
        let mut buffer = ReadBuffer::new();
        let plenty: Vec<u8> = (0..40_000_u32).map(|i| i as u8).collect();
        let mut at = 0;
        while at < plenty.len() {
            at += fill(&mut buffer, &plenty[at..]);
        }
        assert_eq!(buffer.as_slice(), plenty);
    }
}
