//! How much of a message's head the engine reads before it gives up.

/// The most fields that any head may have, whatever [`HeadLimits::fields`] asks for: the parser keeps its
/// index of fields on the stack.
pub const MOST_FIELDS: usize = 256;

/// Bounds of one message head, of a chunked body's lines and of its trailers.
///
/// Every bound is inclusive: a head of exactly `bytes` bytes passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of a whole head, from the first byte of its first line to its empty line. Default 32 KiB.
    pub bytes: usize,
    /// Fields of a head. Default 100; values above [`MOST_FIELDS`] count as [`MOST_FIELDS`].
    pub fields: usize,
    /// Bytes of a request's target. Default 8 KiB.
    pub target: usize,
    /// Bytes of a chunked body's trailer section. Default 8 KiB.
    pub trailer_bytes: usize,
    /// Fields of a chunked body's trailer section. Default 32; values above [`MOST_FIELDS`] count as
    /// [`MOST_FIELDS`].
    pub trailer_fields: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 32 * 1024, fields: 100, target: 8 * 1024, trailer_bytes: 8 * 1024, trailer_fields: 32 }
    }
}
