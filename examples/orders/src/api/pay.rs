use super::{order_id, v1::Receipt};
use crate::{
    app::App,
    domain::{Open, OrderError, Status, open},
    store::{self, EventKind, StoreError},
};
use axum::extract::{Path, State};
use plimsoll::{Problem, http::body::Negotiated};

/// `POST /v1/orders/{id}/pay`: pays it, or says how it was paid. May be asked as often as one likes: the payment service
/// knows the charge by the order's name.
pub(super) async fn pay(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Negotiated<Receipt>, Problem> {
    let id = order_id(&id)?;
    // The connection goes back before the payment service is asked: how long that takes must not decide on the pool.
    let order = {
        let mut connection = app.store().connection().await?;
        store::get(&mut connection, id).await?.ok_or(OrderError::NotFound(id))?
    };
    let receipt = |payment| Negotiated(Receipt { order: id.to_string(), payment });
    match (order.status, order.payment) {
        (Open::Known(Status::Placed), _) => {}
        (Open::Known(Status::Paid), Some(payment)) => return Ok(receipt(payment)),
        (status, _) => return Err(OrderError::NotPayable(open::word(&status).to_owned()).into()),
    }
    let payment = app.payments().charge(id, order.ordered.total(), order.ordered.currency).await?;
    let mut transaction = app.store().begin().await?;
    // Somebody else may have been quicker; the charge is the same one.
    if store::set_paid(&mut transaction, id, &payment).await? {
        store::add(&mut transaction, id, EventKind::Paid).await?;
        transaction.commit().await.map_err(StoreError::from)?;
    }
    Ok(receipt(payment))
}
