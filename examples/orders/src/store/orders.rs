use super::StoreError;
use crate::domain::{
    Cents, Currency, CustomerId, Line, NewOrder, Note, Open, Order, OrderId, Quantity, Reference, Sku,
    Status, ValueError, open,
};
use sqlx::postgres::PgConnection;

/// Every column of an order, as [`OrderRow`] has them. Times leave the database as they are shown.
macro_rules! select_orders {
    ($rest:literal) => {
        concat!(
            "SELECT id, customer, reference, status, payment, currency, delivery, note, ",
            "to_char(placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS placed_at FROM orders ",
            $rest
        )
    };
}

#[derive(sqlx::FromRow)]
struct OrderRow {
    id: i64,
    customer: String,
    reference: Option<String>,
    status: String,
    payment: Option<String>,
    currency: String,
    delivery: String,
    note: Option<String>,
    placed_at: String,
}

#[derive(sqlx::FromRow)]
struct LineRow {
    order_id: i64,
    sku: String,
    quantity: i32,
    unit_cents: i64,
}

/// Writes a new order, within the caller's transaction.
///
/// # Errors
/// If the database does not take it.
///
/// # Cancel safety
/// Dropped before its end, the transaction is rolled back.
pub async fn insert(connection: &mut PgConnection, order: &NewOrder) -> Result<Order, StoreError> {
    let (id, placed_at): (i64, String) = sqlx::query_as(
        "INSERT INTO orders (customer, reference, total_cents, currency, delivery, note) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         RETURNING id, to_char(placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    )
    .bind(order.customer().as_str())
    .bind(order.reference.as_ref().map(Reference::as_str))
    .bind(order.total().number())
    .bind(order.currency.as_str())
    .bind(open::word(&order.delivery))
    .bind(order.note.as_ref().map(Note::as_str))
    .fetch_one(&mut *connection)
    .await?;
    // One statement for all lines, however many there are.
    sqlx::query(
        "INSERT INTO order_lines (order_id, position, sku, quantity, unit_cents) \
         SELECT $1, position, sku, quantity, unit_cents \
         FROM unnest($2::text[], $3::int[], $4::bigint[]) WITH ORDINALITY AS line (sku, quantity, unit_cents, position)",
    )
    .bind(id)
    .bind(order.lines().iter().map(|line| line.sku.as_str()).collect::<Vec<_>>())
    .bind(order.lines().iter().map(|line| line.quantity.number() as i32).collect::<Vec<_>>())
    .bind(order.lines().iter().map(|line| line.unit.number()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(Order {
        id: OrderId::try_from(id)?,
        status: Open::Known(Status::Placed),
        payment: None,
        placed_at,
        ordered: order.clone(),
    })
}

/// One order, if there is such a one.
///
/// # Errors
/// If the database does not respond, or its rows are malformed.
///
/// # Cancel safety
/// Cancel safe.
pub async fn get(connection: &mut PgConnection, id: OrderId) -> Result<Option<Order>, StoreError> {
    let rows =
        sqlx::query_as(select_orders!("WHERE id = $1")).bind(id.number()).fetch_all(&mut *connection).await?;
    Ok(with_lines(connection, rows).await?.pop())
}

/// Up to `limit` orders after the one of this number, by number: a page costs the same wherever it is.
///
/// # Errors
/// As [`get`].
///
/// # Cancel safety
/// Cancel safe.
pub async fn page(connection: &mut PgConnection, after: i64, limit: u16) -> Result<Vec<Order>, StoreError> {
    let rows = sqlx::query_as(select_orders!("WHERE id > $1 ORDER BY id LIMIT $2"))
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await?;
    with_lines(connection, rows).await
}

/// Notes the payment of an order, unless it is no longer to be paid. True if it was noted now.
///
/// # Errors
/// If the database does not take it.
///
/// # Cancel safety
/// Dropped before its end, the transaction is rolled back.
pub async fn set_paid(connection: &mut PgConnection, id: OrderId, payment: &str) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE orders SET status = 'paid', payment = $2 WHERE id = $1 AND status = 'placed'")
            .bind(id.number())
            .bind(payment)
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Orders and their lines in two statements, whatever their number.
async fn with_lines(connection: &mut PgConnection, rows: Vec<OrderRow>) -> Result<Vec<Order>, StoreError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let lines: Vec<LineRow> = sqlx::query_as(
        "SELECT order_id, sku, quantity, unit_cents FROM order_lines \
         WHERE order_id = ANY($1) ORDER BY order_id, position",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let mut lines = lines.into_iter().peekable();
    let mut orders = Vec::with_capacity(rows.len());
    for row in rows {
        let mut own = Vec::new();
        while let Some(line) = lines.next_if(|line| line.order_id <= row.id) {
            own.push(Line::try_from(line)?);
        }
        orders.push(row.with(own)?);
    }
    Ok(orders)
}

impl OrderRow {
    fn with(self, lines: Vec<Line>) -> Result<Order, ValueError> {
        let mut ordered = NewOrder::new(CustomerId::try_from(self.customer.as_str())?, lines)?;
        ordered.reference = self.reference.as_deref().map(Reference::try_from).transpose()?;
        ordered.currency = Currency::try_from(self.currency.as_str())?;
        ordered.delivery = open::read(&self.delivery)?;
        ordered.note = self.note.as_deref().map(Note::try_from).transpose()?;
        Ok(Order {
            id: OrderId::try_from(self.id)?,
            status: open::read(&self.status)?,
            payment: self.payment,
            placed_at: self.placed_at,
            ordered,
        })
    }
}

impl TryFrom<LineRow> for Line {
    type Error = ValueError;

    fn try_from(row: LineRow) -> Result<Self, ValueError> {
        Ok(Self {
            sku: Sku::try_from(row.sku.as_str())?,
            quantity: Quantity::try_from(row.quantity.unsigned_abs())?,
            unit: Cents::try_from(row.unit_cents)?,
        })
    }
}
