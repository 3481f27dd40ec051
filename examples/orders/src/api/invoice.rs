use super::order_id;
use crate::{app::App, domain::OrderError, store};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, Method},
    response::IntoResponse,
};
use plimsoll::Problem;

/// `GET /v1/orders/{id}/invoice`: a file to save, which goes on where it stopped if the download breaks off.
pub(super) async fn invoice(
    State(app): State<App>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let id = order_id(&id)?;
    let order = {
        let mut connection = app.store().connection().await?;
        store::get(&mut connection, id).await?.ok_or(OrderError::NotFound(id))?
    };
    Ok(app.invoices().of(&order).await?.response(&method, &headers))
}
