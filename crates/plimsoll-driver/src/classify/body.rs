use super::trailers;
use http::HeaderMap;
use plimsoll_policy::{Failure, Settlement};

/// The verdict that follows the head of a response: what its trailers say, or that they say nothing.
///
/// Made of the head's settlement, told of the trailers if any come, and asked when the body has ended. After a head that
/// was not provisional, trailers decide nothing and the end of the body is a success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyVerdict {
    /// The verdict stands in trailers that have not come.
    pending: bool,
    settlement: Settlement,
}

impl BodyVerdict {
    /// The verdict on a response whose head said this, before its trailers.
    pub const fn after(head: &Settlement) -> Self {
        // A response of gRPC that ends without a status is UNKNOWN: a failure that is no cause of a retry.
        let settlement =
            if head.provisional { Settlement::failure(Failure::Answer) } else { Settlement::SUCCESS };
        Self { pending: head.provisional, settlement }
    }

    /// Takes the trailers in.
    pub fn read(&mut self, fields: &HeaderMap) {
        if self.pending
            && let Some(settlement) = trailers(fields)
        {
            *self = Self { pending: false, settlement };
        }
    }

    /// Whether the verdict stands in trailers that have not come.
    pub const fn is_pending(&self) -> bool {
        self.pending
    }

    /// What a body that ends now says.
    pub const fn settlement(&self) -> Settlement {
        self.settlement
    }
}
