//! Version 1 of the interface: amounts in euro cents, delivery by post.

use crate::domain::{self, Cents, CustomerId, NewOrder, Open, Quantity, Reference, Sku, Status, ValueError};
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
}

/// So many of one thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The article.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// The price of one, in hundredths.
    pub unit_cents: i64,
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
    /// The sum, in hundredths.
    pub total_cents: i64,
    /// When, in UTC.
    pub placed_at: String,
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

/// A payment that was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The order.
    pub order: String,
    /// The payment service's id of the payment.
    pub payment: String,
}

impl TryFrom<&Line> for domain::Line {
    type Error = ValueError;

    fn try_from(line: &Line) -> Result<Self, ValueError> {
        Ok(Self {
            sku: Sku::try_from(line.sku.as_str())?,
            quantity: Quantity::try_from(line.quantity)?,
            unit: Cents::try_from(line.unit_cents)?,
        })
    }
}

impl From<&domain::Line> for Line {
    fn from(line: &domain::Line) -> Self {
        Self { sku: line.sku.to_string(), quantity: line.quantity.number(), unit_cents: line.unit.number() }
    }
}

impl TryFrom<PlaceOrder> for NewOrder {
    type Error = ValueError;

    fn try_from(wanted: PlaceOrder) -> Result<Self, ValueError> {
        let lines = wanted.lines.iter().map(domain::Line::try_from).collect::<Result<_, _>>()?;
        let mut order = Self::new(CustomerId::try_from(wanted.customer.as_str())?, lines)?;
        order.reference = wanted.reference.as_deref().map(Reference::try_from).transpose()?;
        Ok(order)
    }
}

impl From<domain::Order> for Order {
    fn from(order: domain::Order) -> Self {
        let ordered = order.ordered;
        Self {
            id: order.id.to_string(),
            status: order.status,
            customer: ordered.customer().to_string(),
            reference: ordered.reference.as_ref().map(ToString::to_string),
            lines: ordered.lines().iter().map(Line::from).collect(),
            total_cents: ordered.total().number(),
            placed_at: order.placed_at,
        }
    }
}
