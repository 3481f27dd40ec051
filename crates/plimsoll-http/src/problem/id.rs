use plimsoll_tower::driver::random_id;
use std::fmt;

/// The id of a problem, in the response and in the log alike.
///
/// In a request's extensions it is the id of the request, and of any problem in which the request ends. Without it, the id
/// of the trace that the request belongs to ([`TraceParent::current`](crate::headers::TraceParent::current)) is, if any.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProblemId(
    // Bytes, since a u128's alignment would pad the types that contain an id.
    [u8; 16],
);

impl ProblemId {
    /// Creates an id from these bits: a request's trace id, or 128 random ones.
    pub const fn new(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// Creates a random id, which reveals nothing about the number of problems.
    ///
    /// 128 bits from the operating system: one system call.
    pub fn fresh() -> Self {
        Self::new(random_id())
    }
}

impl fmt::Display for ProblemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ProblemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn fresh_ids_are_distinct_and_not_in_order() {
        let ids: Vec<_> = (0..1000).map(|_| ProblemId::fresh()).collect();
        assert_eq!(ids.iter().copied().collect::<HashSet<_>>().len(), ids.len());
        assert!(!ids.is_sorted_by_key(|id| id.0));
    }
}
