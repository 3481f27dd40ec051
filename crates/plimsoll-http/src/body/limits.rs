use thiserror::Error;

/// How much of a body is taken, in bytes. At least 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteLimit(usize);

impl ByteLimit {
    /// 2 MiB: what a body may have that nobody gave another limit.
    pub const DEFAULT: Self = Self(2 << 20);

    /// So many bytes.
    pub const fn new(bytes: usize) -> Result<Self, LimitError> {
        if bytes == 0 { Err(LimitError::NoBytes) } else { Ok(Self(bytes)) }
    }

    /// So many times 1024 bytes.
    ///
    /// # Panics
    /// On zero, and on more than an address space holds: for limits that are written into the program.
    pub const fn kib(kib: usize) -> Self {
        assert!(kib > 0, "a limit of no bytes lets nothing in");
        assert!(kib <= usize::MAX >> 10, "more than an address space holds");
        Self(kib << 10)
    }

    /// The limit in bytes.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for ByteLimit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How deep lists and objects may lie in each other: 1 to [`Depth::MAX`]. `[[]]` is two deep.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Depth(u8);

impl Depth {
    /// 127 levels. Reading recurses once a level, and this leaves a thread's 2 MiB stack nearly untouched.
    pub const MAX: Self = Self(127);

    /// 64 levels: three times what documents of people have.
    pub const DEFAULT: Self = Self(64);

    /// So many levels.
    pub const fn new(levels: u8) -> Result<Self, LimitError> {
        if levels == 0 || levels > Self::MAX.0 { Err(LimitError::Depth) } else { Ok(Self(levels)) }
    }

    /// The limit in levels.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for Depth {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A limit that is none.
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
    /// The same with another limit on bytes.
    #[must_use]
    pub const fn bytes(self, bytes: ByteLimit) -> Self {
        Self { bytes, ..self }
    }

    /// The same with another limit on a line of a body that is read line by line. 256 KiB unless set.
    #[must_use]
    pub const fn line(self, bytes: ByteLimit) -> Self {
        Self { line: LineLimit(bytes), ..self }
    }

    /// The same with another limit on depth.
    #[must_use]
    pub const fn depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// The limit on bytes.
    pub const fn byte_limit(&self) -> ByteLimit {
        self.bytes
    }

    /// The limit on a line.
    pub const fn line_limit(&self) -> ByteLimit {
        self.line.0
    }

    /// The limit on depth.
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
