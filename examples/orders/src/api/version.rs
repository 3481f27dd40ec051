use super::{v1, v2};
use crate::domain::{Currency, NewOrder, Order, ValueError};
use plimsoll::Problem;
use serde::{Serialize, de::DeserializeOwned};

/// The types of one version of the interface.
pub trait Version: 'static {
    /// The prefix of its paths.
    const PATH: &'static str;
    /// The body of a request to place an order.
    type PlaceOrder: DeserializeOwned + TryInto<NewOrder, Error = ValueError> + Send + 'static;
    /// The body of a response with an order.
    type Order: Serialize + Send + Sync + 'static;
    /// Some of them.
    type Page: Serialize + Send + 'static;

    /// The order as this version shows it; `None` if it cannot without saying something wrong.
    fn show(order: Order) -> Option<Self::Order>;

    /// Some orders, and where to go on.
    fn page(orders: Vec<Self::Order>, next: Option<String>) -> Self::Page;

    /// The order, or the problem that this version cannot show it.
    fn show_or_say(order: Order) -> Result<Self::Order, Problem> {
        Self::show(order).ok_or_else(|| {
            Problem::conflict("needs-version-2").detail("the order is not in euro; ask for it under /v2")
        })
    }
}

/// Euro and post.
#[derive(Debug)]
pub enum V1 {}

/// Any currency, any delivery.
#[derive(Debug)]
pub enum V2 {}

impl Version for V1 {
    const PATH: &'static str = "/v1/orders";
    type PlaceOrder = v1::PlaceOrder;
    type Order = v1::Order;
    type Page = v1::Page;

    fn show(order: Order) -> Option<v1::Order> {
        // Its clients take every amount for euro: an order in another currency would be shown with a wrong price.
        (order.ordered.currency == Currency::EURO).then(|| order.into())
    }

    fn page(orders: Vec<v1::Order>, next: Option<String>) -> v1::Page {
        v1::Page { orders, next }
    }
}

impl Version for V2 {
    const PATH: &'static str = "/v2/orders";
    type PlaceOrder = v2::PlaceOrder;
    type Order = v2::Order;
    type Page = v2::Page;

    fn show(order: Order) -> Option<v2::Order> {
        Some(order.into())
    }

    fn page(orders: Vec<v2::Order>, next: Option<String>) -> v2::Page {
        v2::Page { orders, next }
    }
}
