//! The result that a call keeps for its caller in case no better one comes.

use super::{AttemptId, attempt::Attempt};
use crate::Limit;

/// A kept result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// An attempt's error: nothing of the attempt is left open.
    Failed(AttemptId),
    /// A response whose body is unread. Its settlement has been reported.
    Responded(Attempt),
    /// A limit that ran out.
    TimedOut(Limit),
}
