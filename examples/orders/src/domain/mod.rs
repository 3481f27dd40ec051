//! What an order is, whoever asks and wherever it is kept: values that cannot be made wrong, and what can go wrong.

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

/// A value that is none of its kind.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}: expected {expected}")]
pub struct Invalid {
    what: &'static str,
    expected: &'static str,
}

impl Invalid {
    pub(crate) const fn new(what: &'static str, expected: &'static str) -> Self {
        Self { what, expected }
    }
}
