//! A typical body: orders, as a shop's service has them.

use serde::{Deserialize, Serialize};

/// One order: about 300 bytes of JSON.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub(crate) struct Order {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(string, tag = "2")]
    pub(crate) customer: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) items: Vec<Item>,
    #[prost(string, tag = "4")]
    pub(crate) currency: String,
    #[prost(string, optional, tag = "5")]
    pub(crate) note: Option<String>,
    #[prost(double, tag = "6")]
    pub(crate) weight: f64,
    #[prost(bool, tag = "7")]
    pub(crate) express: bool,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    pub(crate) sku: String,
    #[prost(uint32, tag = "2")]
    pub(crate) pieces: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) price_minor: u64,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub(crate) struct Orders {
    #[prost(message, repeated, tag = "1")]
    pub(crate) orders: Vec<Order>,
}

impl Orders {
    /// So many, no two alike.
    pub(crate) fn of(count: u64) -> Self {
        Self { orders: (0..count).map(order).collect() }
    }
}

fn order(number: u64) -> Order {
    let item = |at: u64| Item {
        sku: format!("ROPE-{:04}-{at}", number * 7 % 10_000),
        pieces: (number + at) as u32 % 12 + 1,
        price_minor: 1250 + number * 37 % 9000,
    };
    Order {
        id: 1_000_000 + number * 7919,
        customer: format!("Grace \"Amazing\" Hopper {number}"),
        items: (0..3).map(item).collect(),
        currency: "EUR".to_owned(),
        note: number.is_multiple_of(3).then(|| "leave it with the harbour master; naïve café".to_owned()),
        weight: 0.125 * number as f64 + 1.7,
        express: number.is_multiple_of(2),
    }
}

/// Small, middling, large: about 300 bytes, 10 KB and 1 MB of JSON.
pub(crate) const COUNTS: [u64; 3] = [1, 33, 3300];
