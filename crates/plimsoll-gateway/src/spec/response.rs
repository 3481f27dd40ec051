/// How much is taken of an endpoint's response beside its body. More is an error, never cut and passed on as whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResponseSpec {
    /// Bytes of its head. Default 32 KiB.
    pub head: usize,
    /// Header fields. Default 100, at most 256.
    pub fields: usize,
    /// Bytes of its trailers. Default 16 KiB.
    pub trailers: usize,
    /// Interim responses (1xx) before it. Default 100, at most 255.
    pub interim: u8,
}

impl Default for ResponseSpec {
    fn default() -> Self {
        Self { head: 32 * 1024, fields: 100, trailers: 16 * 1024, interim: 100 }
    }
}
