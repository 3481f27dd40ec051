//! Version 2 of the interface: whatever version 1 has, under the same names, and a currency, a delivery and a note.
//!
//! It only adds, so a client of either version can read the responses of both: one of version 1 ignores what it does not
//! know, one of version 2 takes what is absent for what version 1 always meant.

use super::v1::{self, Line};
use crate::domain::{self, Currency, Delivery, NewOrder, Note, Open, Status, ValueError, open};
use serde::{Deserialize, Serialize};

/// An order that somebody wants to place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// The customer.
    pub customer: String,
    /// The customer's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The lines; at least one.
    pub lines: Vec<Line>,
    /// The currency of the prices.
    #[serde(default = "euro")]
    pub currency: String,
    /// How it is brought; a word of a later version is kept.
    #[serde(default = "post")]
    pub delivery: Open<Delivery>,
    /// For whoever packs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An order that was placed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Its name.
    pub id: String,
    /// How far it has come; a word of a later version is kept.
    pub status: Open<Status>,
    /// The customer.
    pub customer: String,
    /// The customer's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The lines ordered.
    pub lines: Vec<Line>,
    /// The sum, in hundredths of the currency.
    pub total_cents: i64,
    /// When, in UTC.
    pub placed_at: String,
    /// The currency of the prices.
    #[serde(default = "euro")]
    pub currency: String,
    /// How it is brought; a word of a later version is kept.
    #[serde(default = "post")]
    pub delivery: Open<Delivery>,
    /// For whoever packs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Some orders, and where to go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Page {
    /// By number.
    pub orders: Vec<Order>,
    /// Give it as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

const fn post() -> Open<Delivery> {
    Open::Known(Delivery::Post)
}

fn euro() -> String {
    Currency::EURO.to_string()
}

impl TryFrom<PlaceOrder> for NewOrder {
    type Error = ValueError;

    fn try_from(wanted: PlaceOrder) -> Result<Self, ValueError> {
        let first =
            v1::PlaceOrder { customer: wanted.customer, reference: wanted.reference, lines: wanted.lines };
        let mut order = Self::try_from(first)?;
        order.currency = Currency::try_from(wanted.currency.as_str())?;
        order.delivery = open::read(open::word(&wanted.delivery))?;
        order.note = wanted.note.as_deref().map(Note::try_from).transpose()?;
        Ok(order)
    }
}

impl From<domain::Order> for Order {
    fn from(order: domain::Order) -> Self {
        let currency = order.ordered.currency.to_string();
        let delivery = order.ordered.delivery.clone();
        let note = order.ordered.note.as_ref().map(ToString::to_string);
        let first = v1::Order::from(order);
        Self {
            id: first.id,
            status: first.status,
            customer: first.customer,
            reference: first.reference,
            lines: first.lines,
            total_cents: first.total_cents,
            placed_at: first.placed_at,
            currency,
            delivery,
            note,
        }
    }
}
