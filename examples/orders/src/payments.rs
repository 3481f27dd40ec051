//! The payment service, asked under the policy `payments`.

use crate::domain::{Cents, Currency, OrderError, OrderId};
use axum::http::StatusCode;
use plimsoll::Client;
use serde::{Deserialize, Serialize};

/// The payment service.
#[derive(Clone, Debug)]
pub struct Payments {
    client: Client,
}

#[derive(Serialize)]
struct Charge {
    order: String,
    cents: i64,
    currency: String,
}

#[derive(Deserialize)]
struct Charged {
    id: String,
}

impl Payments {
    /// By way of this client.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Charges an order; what the payment service calls the charge.
    ///
    /// # Errors
    /// [`OrderError::Refused`] if the payment service says no; otherwise what kept it from saying anything.
    ///
    /// # Cancel safety
    /// Dropped before its end, the charge may have been made. Asked again it is the same charge: the key is the order's
    /// name, not a draw.
    pub async fn charge(&self, id: OrderId, amount: Cents, currency: Currency) -> Result<String, OrderError> {
        let charge = Charge { order: id.to_string(), cents: amount.number(), currency: currency.to_string() };
        let response =
            self.client.post("/charges").header("idempotency-key", key(id)).json(&charge).send().await?;
        if response.status() == StatusCode::PAYMENT_REQUIRED {
            return Err(OrderError::Refused(id));
        }
        let charged: Charged = response.success()?.negotiated().await?;
        Ok(charged.id)
    }
}

fn key(id: OrderId) -> String {
    format!("\"order-{id}\"")
}
