use super::{OrderId, ValueError};
use crate::store::StoreError;
use plimsoll::Problem;

/// An error of an order. Its mapping to a problem for the caller is below, in one place.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The request is not a valid order.
    #[error(transparent)]
    Invalid(#[from] ValueError),
    /// There is no such order.
    #[error("there is no order {0}")]
    NotFound(OrderId),
    /// The order is past that point.
    #[error("the order is {0} and cannot be paid")]
    NotPayable(String),
    /// The payment service said no.
    #[error("the payment of {0} was refused")]
    Refused(OrderId),
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The payment service did not do its part: refused by a policy, timed out or failed.
    #[error(transparent)]
    Payment(#[from] plimsoll::client::Error),
    /// Anything else: nobody outside learns more than an id.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Invalid(invalid) => Self::unprocessable("invalid-order").detail(invalid.to_string()),
            OrderError::NotFound(_) => Self::not_found("no-such-order"),
            OrderError::NotPayable(_) => Self::conflict("not-payable"),
            OrderError::Refused(_) => Self::conflict("payment-refused"),
            OrderError::Store(inner) => inner.into(),
            OrderError::Payment(inner) => inner.into(),
            OrderError::Other(inner) => Self::internal(inner),
        }
    }
}
