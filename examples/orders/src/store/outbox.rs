use super::StoreError;
use crate::domain::OrderId;
use sqlx::postgres::PgConnection;
use std::time::Duration;

/// An event in the life of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// It was placed.
    Placed,
    /// It was paid.
    Paid,
}

impl EventKind {
    /// The word, in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "order-placed",
            Self::Paid => "order-paid",
        }
    }
}

/// A notification waiting to be sent.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Event {
    /// Its number: whoever hears of it twice knows it by that.
    pub id: i64,
    /// The order it is about.
    pub order_id: i64,
    /// The kind of event.
    pub kind: String,
    /// How often it has been tried, this time included.
    pub attempts: i32,
}

/// Notes that something has happened, within the transaction in which it happens: both, or neither.
///
/// # Errors
/// If the database does not take it.
///
/// # Cancel safety
/// Dropped before its end, the transaction is rolled back.
pub async fn add(connection: &mut PgConnection, id: OrderId, kind: EventKind) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO outbox (order_id, kind) VALUES ($1, $2)")
        .bind(id.number())
        .bind(kind.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes up to `limit` events that are due, and has them due again after `hold`: whoever dies with them in hand has lent
/// them, not lost them. Several workers take different ones.
///
/// # Errors
/// If the database does not respond.
///
/// # Cancel safety
/// Dropped before its end, what was taken is due again after `hold`.
pub async fn claim(
    connection: &mut PgConnection,
    limit: u16,
    hold: Duration,
) -> Result<Vec<Event>, StoreError> {
    // Each further try waits longer, up to a minute.
    let events = sqlx::query_as(
        "UPDATE outbox SET attempts = attempts + 1, \
             due_at = now() + least($2 * power(2, least(attempts, 10)), 60000) * interval '1 millisecond' \
         WHERE id IN (SELECT id FROM outbox WHERE delivered_at IS NULL AND due_at <= now() \
                      ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) \
         RETURNING id, order_id, kind, attempts",
    )
    .bind(i64::from(limit))
    .bind(hold.as_millis() as f64)
    .fetch_all(connection)
    .await?;
    Ok(events)
}

/// Gives back events that were taken and not tried: due again after `wait`, and no try the more.
///
/// # Errors
/// If the database does not take it; they are due again after their hold.
///
/// # Cancel safety
/// As with an error.
pub async fn give_back(connection: &mut PgConnection, ids: &[i64], wait: Duration) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE outbox SET attempts = attempts - 1, due_at = now() + $2 * interval '1 millisecond' \
         WHERE id = ANY($1) AND delivered_at IS NULL",
    )
    .bind(ids)
    .bind(wait.as_millis() as f64)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that these events were heard of.
///
/// # Errors
/// If the database does not take it; they will be told again.
///
/// # Cancel safety
/// Dropped before its end, they may be told again.
pub async fn delivered(connection: &mut PgConnection, ids: &[i64]) -> Result<(), StoreError> {
    sqlx::query("UPDATE outbox SET delivered_at = now() WHERE id = ANY($1)")
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// How many events are still to be heard of.
///
/// # Errors
/// If the database does not respond.
///
/// # Cancel safety
/// Cancel safe.
pub async fn undelivered(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let (count,) = sqlx::query_as("SELECT count(*) FROM outbox WHERE delivered_at IS NULL")
        .fetch_one(connection)
        .await?;
    Ok(count)
}
