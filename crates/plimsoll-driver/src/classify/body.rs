use super::trailers;
use http::HeaderMap;
use plimsoll_policy::{Failure, Settlement};

/// A classifier of a response's body by its trailers, or their absence.
///
/// It is made from the head's settlement, reads the trailers if any come, and gives the settlement when the body has
/// ended. After a head that was not provisional, trailers decide nothing and the end of the body is a success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyClassifier {
    /// Whether trailers that have not come decide.
    pending: bool,
    settlement: Settlement,
}

impl BodyClassifier {
    /// The state after a head with this settlement, before any trailers.
    pub const fn after(head: &Settlement) -> Self {
        // A response of gRPC that ends without a status is UNKNOWN: a failure that is no cause of a retry.
        let settlement =
            if head.provisional { Settlement::failure(Failure::Response) } else { Settlement::SUCCESS };
        Self { pending: head.provisional, settlement }
    }

    /// Reads the trailers.
    pub fn read(&mut self, fields: &HeaderMap) {
        if self.pending
            && let Some(settlement) = trailers(fields)
        {
            *self = Self { pending: false, settlement };
        }
    }

    /// Returns whether trailers that have not come decide.
    pub const fn is_pending(&self) -> bool {
        self.pending
    }

    /// Returns the settlement of a body that ends now.
    pub const fn settlement(&self) -> Settlement {
        self.settlement
    }
}
