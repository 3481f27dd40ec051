//! Orders in PostgreSQL. The pool is a bulkhead: who gets no connection in time is told so, and waits no longer than its
//! caller does.

mod error;
mod export;
mod orders;
mod outbox;

pub use error::StoreError;
pub use export::{Row, all};
pub use orders::{get, insert, page, set_paid};
pub use outbox::{Event, EventKind, add, claim, delivered, give_back, undelivered};

use crate::config::DatabaseConfig;
use plimsoll::{
    http::{idempotency::PostgresStore, postgres::Presence},
    task::deadline::within,
};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions, Postgres};
use std::time::Duration;

/// A transaction; rolled back unless committed.
pub type Transaction = sqlx::Transaction<'static, Postgres>;

/// The tables, by number; each is run once.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The database, and how long one waits for it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    wait: Duration,
    presence: Presence,
}

impl Store {
    /// The pool; connections are made as they are needed, so that a database that is away for a while does not keep the
    /// service from starting.
    pub fn new(config: &DatabaseConfig) -> Self {
        // What the server itself ends: a statement or a transaction whose client is gone must not hold its locks.
        let limits = [
            ("statement_timeout", config.statement()),
            ("idle_in_transaction_session_timeout", config.statement()),
        ]
        .map(|(name, limit)| (name, limit.as_millis().to_string()));
        let pool = PgPoolOptions::new()
            .max_connections(config.connections())
            .acquire_timeout(config.wait())
            .connect_lazy_with(config.options().clone().options(limits));
        Self { presence: Presence::of(&pool), pool, wait: config.wait() }
    }

    /// Brings the tables up to date.
    ///
    /// # Errors
    /// If the database is away, or is not what its history says.
    ///
    /// # Cancel safety
    /// Each migration is a transaction: dropped before its end, it has been done or not.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS.run(&self.pool).await?;
        // The library's own table, for keys; it has a history of its own.
        Ok(PostgresStore::new(self.pool.clone()).migrate().await?)
    }

    /// A transaction on a connection of the pool.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if none is free within the wait or the caller's deadline; [`StoreError::Away`] if the
    /// database cannot be reached.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing has begun.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        self.before_deadline(self.pool.begin()).await
    }

    /// A connection of the pool, for reading.
    ///
    /// # Errors
    /// As [`Store::begin`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connection(&self) -> Result<impl std::ops::DerefMut<Target = PgConnection>, StoreError> {
        self.before_deadline(self.pool.acquire()).await
    }

    /// The pool itself, for the library's own tables.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether the database lets a connection in, or has done so a moment ago.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn is_there(&self) -> bool {
        self.presence.is_there().await
    }

    /// Connections that are out, and what the pool has in all.
    pub fn connections(&self) -> (usize, u32) {
        let all = self.pool.size();
        ((all as usize).saturating_sub(self.pool.num_idle()), all)
    }

    /// Waits for what is out, and closes every connection.
    ///
    /// # Cancel safety
    /// Cancel safe: it goes on closing.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Runs under the caller's deadline, which may leave less time than the pool's own patience.
    async fn before_deadline<T>(
        &self,
        acquiring: impl Future<Output = sqlx::Result<T>>,
    ) -> Result<T, StoreError> {
        let timed_out = match within(self.wait, acquiring).await {
            Ok(Ok(acquired)) => return Ok(acquired),
            Ok(Err(error)) => error,
            Err(_exceeded) => sqlx::Error::PoolTimedOut,
        };
        // All connections out, or a database that is away: the pool says the same of both.
        Err(self.presence.explained(timed_out).await.into())
    }
}
