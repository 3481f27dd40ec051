use super::{Version, order_id};
use crate::{
    app::App,
    report::{Sold, Tally},
    store,
};
use axum::extract::{Query, State};
use futures_util::{TryStreamExt, future};
use plimsoll::{
    Problem,
    http::body::{NdJson, Negotiated},
};
use serde::Deserialize;

/// Orders of a page at most, and unless the client says otherwise.
const MOST: u16 = 100;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The last order of the page before.
    after: Option<String>,
    /// So many at most: 1 to 100.
    limit: Option<u16>,
}

/// `GET /v1/orders`
pub(super) async fn page<V: Version>(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Negotiated<V::Page>, Problem> {
    let after = which.after.as_deref().map(order_id).transpose()?.map_or(0, crate::domain::OrderId::number);
    let limit = which.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::unprocessable("invalid-limit").detail("limit: a number from 1 to 100"));
    }
    let mut connection = app.store().connection().await?;
    let orders = store::page(&mut connection, after, limit).await?;
    let next = orders.last().filter(|_| orders.len() == usize::from(limit)).map(|order| order.id.to_string());
    Ok(Negotiated(V::page(orders.into_iter().filter_map(V::show).collect(), next)))
}

/// `GET /v1/orders/export`: every order, one on each line, while they are read.
pub(super) async fn export<V: Version>(
    State(app): State<App>,
) -> NdJson<impl futures_util::Stream<Item = Result<V::Order, store::StoreError>>> {
    let shown = store::all(app.store().clone()).try_filter_map(|order| future::ok(V::show(order)));
    NdJson::new(shown)
}

/// `GET /v1/orders/report`: what was sold of each thing.
pub(super) async fn report(State(app): State<App>) -> Result<Negotiated<Vec<Sold>>, Problem> {
    let tally = store::all(app.store().clone()).try_fold(Tally::default(), |mut tally, order| {
        tally.add(&order.ordered);
        future::ok(tally)
    });
    Ok(Negotiated(tally.await?.sold()))
}
