use super::Version;
use crate::{
    app::App,
    domain::{NewOrder, OrderError},
    store::{self, EventKind, StoreError},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderValue, StatusCode, header},
};
use plimsoll::{
    Problem,
    http::{
        body::{Accepted, Negotiated, encode},
        idempotency::{Claim, StoredResponse},
    },
};

/// `POST /v1/orders`: the order, its event, and the response under its key are one transaction.
/// Acknowledged only after it was committed; whoever hears nothing comes again with the same key.
pub(super) async fn place<V: Version>(
    State(app): State<App>,
    Extension(claim): Extension<Claim>,
    accepted: Accepted<V::Order>,
    Negotiated(wanted): Negotiated<V::PlaceOrder>,
) -> Result<StoredResponse, Problem> {
    let order: NewOrder = wanted.try_into().map_err(OrderError::from)?;
    let mut transaction = app.store().begin().await?;
    let placed = store::insert(&mut transaction, &order).await?;
    store::add(&mut transaction, placed.id, EventKind::Placed).await?;

    let location = format!("{}/{}", V::PATH, placed.id);
    let shown = encode(&V::show_or_say(placed)?, accepted.format()).map_err(Problem::internal)?;
    let response = StoredResponse::new(StatusCode::CREATED, shown.bytes)
        .header(header::CONTENT_TYPE, shown.content_type)
        .header(header::LOCATION, HeaderValue::try_from(location).map_err(Problem::internal)?);

    app.idempotency().store().complete_in(&mut transaction, &claim, &response).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(response)
}
