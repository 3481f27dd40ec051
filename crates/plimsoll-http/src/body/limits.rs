use thiserror::Error;

/// A limit on the size of a body, in bytes. At least 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteLimit(usize);

impl ByteLimit {
    /// 2 MiB, the default limit.
    pub const DEFAULT: Self = Self(2 << 20);

    /// Creates a limit in bytes.
    pub const fn new(bytes: usize) -> Result<Self, LimitError> {
        if bytes == 0 { Err(LimitError::NoBytes) } else { Ok(Self(bytes)) }
    }

    /// Creates a limit in units of 1024 bytes, for limits written into the program.
    ///
    /// # Panics
    /// On zero, and on more than the address space.
    pub const fn kib(kib: usize) -> Self {
        assert!(kib > 0, "a limit of no bytes lets nothing in");
        assert!(kib <= usize::MAX >> 10, "more than an address space holds");
        Self(kib << 10)
    }

    /// Returns the limit in bytes.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for ByteLimit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A limit on the nesting of lists and objects: 1 to [`Depth::MAX`]. `[[]]` has two levels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Depth(u8);

impl Depth {
    /// 127 levels. Reading recurses once per level, which uses little of a thread's 2 MiB stack.
    pub const MAX: Self = Self(127);

    /// 64 levels: three times those of usual documents.
    pub const DEFAULT: Self = Self(64);

    /// Creates a limit in levels.
    pub const fn new(levels: u8) -> Result<Self, LimitError> {
        if levels == 0 || levels > Self::MAX.0 { Err(LimitError::Depth) } else { Ok(Self(levels)) }
    }

    /// Returns the limit in levels.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for Depth {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The error of an invalid limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum LimitError {
    /// Zero bytes.
    #[error("a limit of no bytes lets nothing in")]
    NoBytes,
    /// Outside 1 to 127.
    #[error("a depth is between 1 and 127 levels")]
    Depth,
}

/// Limits on a body: its bytes, the bytes of a line, and the depth of nesting.
///
/// As a layer it sets the limits of the routes below it; the innermost wins.
///
/// ```
/// # #[cfg(feature = "server")] {
/// use axum::{Router, routing::post};
/// use plimsoll_http::{Problem, body::{BodyLimits, ByteLimit, Negotiated}};
///
/// async fn import(Negotiated(names): Negotiated<Vec<String>>) -> Negotiated<usize> {
///     Negotiated(names.len())
/// }
///
/// let limits = BodyLimits::default().bytes(ByteLimit::kib(16 * 1024));
/// let app: Router = Router::new().route("/import", post(import).layer(limits));
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BodyLimits {
    bytes: ByteLimit,
    line: LineLimit,
    depth: Depth,
}

/// A default of its own: a line is one of many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct LineLimit(ByteLimit);

impl Default for LineLimit {
    fn default() -> Self {
        Self(ByteLimit::kib(256))
    }
}

impl BodyLimits {
    /// Sets the limit on bytes.
    #[must_use]
    pub const fn bytes(self, bytes: ByteLimit) -> Self {
        Self { bytes, ..self }
    }

    /// Sets the limit on a line of a body that is read line by line, by default 256 KiB.
    #[must_use]
    pub const fn line(self, bytes: ByteLimit) -> Self {
        Self { line: LineLimit(bytes), ..self }
    }

    /// Sets the limit on depth.
    #[must_use]
    pub const fn depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// Returns the limit on bytes.
    pub const fn byte_limit(&self) -> ByteLimit {
        self.bytes
    }

    /// Returns the limit on a line.
    pub const fn line_limit(&self) -> ByteLimit {
        self.line.0
    }

    /// Returns the limit on depth.
    pub const fn depth_limit(&self) -> Depth {
        self.depth
    }
}

#[cfg(feature = "server")]
impl<S> tower_layer::Layer<S> for BodyLimits {
    type Service = axum::middleware::AddExtension<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        axum::Extension(*self).layer(inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_limits() {
        assert_eq!(ByteLimit::new(0), Err(LimitError::NoBytes));
        assert_eq!(ByteLimit::new(7).unwrap().get(), 7);
        assert_eq!(ByteLimit::kib(2048), ByteLimit::DEFAULT);
        assert_eq!(Depth::new(0), Err(LimitError::Depth));
        assert_eq!(Depth::new(128), Err(LimitError::Depth));
        assert_eq!(Depth::new(127), Ok(Depth::MAX));
    }
}
