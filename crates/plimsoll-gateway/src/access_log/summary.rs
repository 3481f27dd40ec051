use crate::why::Why;
use http::StatusCode;
use plimsoll::http::Kind;

/// How a request ended, or how far it has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseSummary {
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
    pub(crate) problem: Option<Kind>,
    /// Whether all of it was sent.
    pub(crate) whole: bool,
    /// Why it failed, or is not whole, where that is known.
    pub(crate) why: Option<Why>,
}
