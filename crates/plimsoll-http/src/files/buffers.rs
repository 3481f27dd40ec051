use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

/// The size of a chunk. From 64 to 256 KiB the cost of a byte is the same within the noise; smaller chunks cost more trips
/// to the blocking pool, larger ones more memory for each slow reader.
pub(super) const CHUNK: usize = 128 << 10;

/// The most buffers that are kept for the next body; any number can be in use.
const KEPT: usize = 32;

/// Buffers that were used before: neither zeroed nor faulted in again.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    idle: Mutex<Vec<Box<[u8]>>>,
}

/// A buffer of the size of a chunk. It returns when its last part is dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
    home: Arc<Buffers>,
}

impl Buffers {
    pub(super) fn take(self: &Arc<Self>) -> Buffer {
        let kept = self.idle.lock().pop();
        let bytes = kept.unwrap_or_else(|| vec![0; CHUNK].into_boxed_slice());
        Buffer { bytes, filled: 0, home: Arc::clone(self) }
    }

    #[cfg(test)]
    fn kept(&self) -> usize {
        self.idle.lock().len()
    }
}

impl Buffer {
    /// Room for up to [`CHUNK`] bytes; what an earlier body left is in it.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        &mut self.bytes[..len]
    }

    /// The first `filled` bytes, and no more, to be handed on.
    pub(super) fn into_bytes(mut self, filled: usize) -> Bytes {
        debug_assert!(filled <= CHUNK, "a chunk holds no more");
        self.filled = filled.min(self.bytes.len());
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut idle = self.home.idle.lock();
        if idle.len() < KEPT {
            idle.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_the_last_part_goes() {
        let buffers = Arc::new(Buffers::default());
        let mut buffer = buffers.take();
        buffer.room(5).copy_from_slice(b"hello");
        let bytes = buffer.into_bytes(5);
        let part = bytes.slice(1..3);
        drop(bytes);
        assert_eq!((buffers.kept(), &*part), (0, &b"el"[..]));
        drop(part);
        assert_eq!(buffers.kept(), 1);
        assert_eq!(buffers.take().into_bytes(0), "", "what was read for another never shows");
    }

    #[test]
    fn so_many_are_kept() {
        let buffers = Arc::new(Buffers::default());
        let many: Vec<Buffer> = (0..KEPT + 5).map(|_| buffers.take()).collect();
        drop(many);
        assert_eq!(buffers.kept(), KEPT);
    }
}
