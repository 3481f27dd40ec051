//! Limits of a message's head.

/// The most fields of any head, whatever [`HeadLimits::fields`] is: the parser keeps its index of fields on the stack.
pub const MOST_FIELDS: usize = 256;

/// Limits of one message head and of a chunked body's trailers.
///
/// Every limit is inclusive: a head of exactly `bytes` bytes passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The most bytes of a head, from the first byte of its first line to the end of its empty line. Default 32 KiB.
    pub bytes: usize,
    /// The most fields of a head. Default 100; values above [`MOST_FIELDS`] count as [`MOST_FIELDS`].
    pub fields: usize,
    /// The most bytes of a request's target. Default 8 KiB.
    pub target: usize,
    /// The most bytes of a chunked body's trailer section, with its empty line. Default 8 KiB; an empty section always
    /// passes.
    pub trailer_bytes: usize,
    /// The most fields of a chunked body's trailer section. Default 32; values above [`MOST_FIELDS`] count as
    /// [`MOST_FIELDS`].
    pub trailer_fields: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 32 * 1024, fields: 100, target: 8 * 1024, trailer_bytes: 8 * 1024, trailer_fields: 32 }
    }
}
