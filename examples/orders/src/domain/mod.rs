//! The domain, independent of interface and storage: values that are valid by construction, and their errors.

mod error;
mod money;
pub mod open;
mod order;
mod words;

pub use error::OrderError;
pub use money::{Cents, Currency};
pub use open::{Delivery, Open, Status};
pub use order::{Line, NewOrder, Order, Quantity};
pub use words::{CustomerId, Note, OrderId, Reference, Sku};

/// A text or number that is not a valid value of its type.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}: expected {expected}")]
pub struct ValueError {
    what: &'static str,
    expected: &'static str,
}

impl ValueError {
    pub(crate) const fn new(what: &'static str, expected: &'static str) -> Self {
        Self { what, expected }
    }
}
