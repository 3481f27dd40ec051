//! The routes. Each version of the interface is a set of types; the handlers are the same for both.

mod invoice;
mod list;
mod pay;
mod place;
mod read;
mod version;

pub mod v1;
pub mod v2;

pub use version::{V1, V2, Version};

use crate::app::App;
use axum::{
    Router,
    routing::{get, post},
};
use plimsoll::Problem;

/// Every path that anybody outside can ask for.
pub fn routes(app: App) -> Router {
    // One layer for both versions: a key is a key, whichever path it comes by.
    let keyed = app.idempotency();
    Router::new()
        .route("/v1/orders", post(place::place::<V1>).layer(keyed.clone()).get(list::page::<V1>))
        .route("/v2/orders", post(place::place::<V2>).layer(keyed).get(list::page::<V2>))
        .route("/v1/orders/export", get(list::export::<V1>))
        .route("/v2/orders/export", get(list::export::<V2>))
        .route("/v1/orders/report", get(list::report))
        .route("/v1/orders/{id}", get(read::order::<V1>))
        .route("/v2/orders/{id}", get(read::order::<V2>))
        .route("/v1/orders/{id}/pay", post(pay::pay))
        .route("/v1/orders/{id}/invoice", get(invoice::invoice))
        .with_state(app)
}

/// An order's name in a path; whatever is none is an order that does not exist.
fn order_id(text: &str) -> Result<crate::domain::OrderId, Problem> {
    crate::domain::OrderId::try_from(text).map_err(|_| Problem::not_found("no-such-order"))
}
