use super::{Version, order_id};
use crate::{app::App, domain::OrderError, store};
use axum::extract::{Path, State};
use plimsoll::{Problem, http::body::Negotiated};

/// `GET /v1/orders/{id}`
pub(super) async fn order<V: Version>(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Negotiated<V::Order>, Problem> {
    let id = order_id(&id)?;
    let mut connection = app.store().connection().await?;
    let order = store::get(&mut connection, id).await?.ok_or(OrderError::NotFound(id))?;
    V::show_or_say(order).map(Negotiated)
}
