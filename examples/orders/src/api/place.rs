use super::Version;
use crate::{
    app::App,
    domain::{NewOrder, OrderError},
    store::{self, EventKind, StoreError},
};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use plimsoll::{Negotiated, Problem};

/// `POST /v1/orders`: the order, what others are to hear of it, and the answer under its key are one transaction.
/// Acknowledged only after it was committed; whoever hears nothing comes again with the same key.
pub(super) async fn place<V: Version>(
    State(app): State<App>,
    Negotiated(wanted): Negotiated<V::PlaceOrder>,
) -> Result<Response, Problem> {
    let order: NewOrder = wanted.try_into().map_err(OrderError::from)?;
    let mut transaction = app.store().begin().await?;
    let placed = store::insert(&mut transaction, &order).await?;
    store::add(&mut transaction, placed.id, EventKind::Placed).await?;
    let location = format!("{}/{}", V::PATH, placed.id);
    let shown = V::show_or_say(placed)?;
    let answer = (StatusCode::CREATED, [(header::LOCATION, location)], Negotiated(shown)).into_response();
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(answer)
}
