//! A store in PostgreSQL, beside the service's own data.

mod rows;
mod shares;

use super::{Begun, Claim, Completed, Fingerprint, Lease, Outcome, ScopedKey, Store, StoredResponse};
use crate::{Kind, Problem, postgres::Presence};
use shares::Shares;
use sqlx::{Connection, Executor, PgConnection, PgPool, postgres::types::PgInterval};
use std::{sync::Arc, time::Duration};

/// A store in the PostgreSQL table `plimsoll_idempotency`, shared by all processes and independent of their life.
///
/// # Exactly once
/// A service whose work is a transaction on the same database keeps the response in it:
///
/// ```no_run
/// # use plimsoll_http::{Problem, idempotency::{StoredResponse, Claim, PostgresStore}};
/// # use http::StatusCode;
/// # async fn place(store: &PostgresStore, claim: &Claim) -> Result<StoredResponse, Problem> {
/// let response = StoredResponse::json(StatusCode::CREATED, &"order 7").map_err(Problem::internal)?;
/// let mut work = store.pool().begin().await.map_err(Problem::internal)?;
/// // … the service's own statements on `work` …
/// store.complete_in(&mut work, claim, &response).await?;
/// work.commit().await.map_err(Problem::internal)?;
/// Ok(response)
/// # }
/// ```
///
/// A crash before the commit leaves neither work nor response, one after it leaves both. A handler that lost its lease
/// meanwhile gets [`CompleteError::LeaseLost`] and rolls back.
///
/// # Time
/// Leases and responses expire by the clock of the database, so processes need not agree on the time. Expired rows are
/// ignored, and deleted by [`PostgresStore::sweep`], which the service calls from time to time.
///
/// # Shares
/// One [scope](super::IdempotencyLayer::scope) takes at most a million keys ([`share`](Self::share)), so that no client
/// fills the table: a new key beyond that is refused with 429 `rate-limited` and the code `idempotency-keys`. Keys
/// without a scope are not limited. Each process counts the keys of a scope once a minute and adds its own meanwhile,
/// so several processes together can exceed the share by the keys of a minute.
///
/// # Cost
/// Two statements for a new request, the second in the service's own transaction with [`PostgresStore::complete_in`];
/// two for a replay. Rows are found by their primary key, and no statement of [`Store::begin`] waits for a transaction
/// in progress under the same key.
///
/// All methods are as cancel safe as the statements of sqlx: done or not done, never half.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
    presence: Presence,
    shares: Arc<Shares>,
}

/// The reason why a response was not stored in the service's transaction, which must be rolled back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompleteError {
    /// The lease expired and was taken over: another request does the work, or has done it.
    #[error("the lease on the idempotency key was lost")]
    LeaseLost,
    /// The database failed.
    #[error("keeping the response to an idempotency key")]
    Database(#[from] sqlx::Error),
}

/// 409 `idempotency-key-in-flight` for a lost lease: the client should retry. 500 or 503 for the database.
impl From<CompleteError> for Problem {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::LeaseLost => {
                Self::new(Kind::IdempotencyKeyInFlight).after(Duration::from_secs(1)).because(error)
            }
            CompleteError::Database(error) => PostgresStoreError::Database(error).into(),
        }
    }
}

/// The store's error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresStoreError {
    /// The database failed.
    #[error("the store of idempotency keys failed")]
    Database(#[from] sqlx::Error),
    /// The scope's share is full.
    #[error("this client's share of the store of idempotency keys is full")]
    Share,
}

impl PostgresStoreError {
    /// Returns whether the database is unreachable: a later request may succeed.
    fn is_absence(&self) -> bool {
        let Self::Database(error) = self else { return false };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => true,
            // Connection exceptions, and an operator who stops or starts the server.
            sqlx::Error::Database(error) => {
                error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
            }
            _ => false,
        }
    }
}

/// 503 with the code `database-away` if the database is unreachable, 503 `bulkhead-full` with the code `database-busy`
/// if all connections of the pool are in use, 429 with the code `idempotency-keys` if the client's share is full, and
/// 500 otherwise.
impl From<PostgresStoreError> for Problem {
    fn from(error: PostgresStoreError) -> Self {
        if matches!(error, PostgresStoreError::Share) {
            Self::new(Kind::RateLimited).code("idempotency-keys").detail(error.to_string())
        } else if error.is_absence() {
            Self::unavailable("database-away").after(Duration::from_secs(1)).because(error)
        } else if matches!(error, PostgresStoreError::Database(sqlx::Error::PoolTimedOut)) {
            Self::new(Kind::BulkheadFull).code("database-busy").after(Duration::from_secs(1)).because(error)
        } else {
            Self::internal(error)
        }
    }
}

/// The default share of one scope, in keys.
const SHARE: u32 = 1_000_000;

/// The advisory lock of all migrations of this table: an arbitrary number that others are unlikely to use.
const MIGRATION_LOCK: i64 = 0x706c_696d_736f_6c6c;

impl PostgresStore {
    /// The statements that create the table, for services that run their migrations themselves. Running them again
    /// changes nothing.
    pub const MIGRATION: &'static str = include_str!("migration.sql");

    /// Creates a store in the database of this pool. The table must exist: see [`PostgresStore::migrate`].
    pub fn new(pool: PgPool) -> Self {
        let presence = Presence::of(&pool);
        Self { pool, presence, shares: Arc::new(Shares::new(SHARE)) }
    }

    /// Sets the share of one [scope](super::IdempotencyLayer::scope): about this many live keys at most.
    #[must_use]
    pub fn share(mut self, keys: u32) -> Self {
        self.shares = Arc::new(Shares::new(keys));
        self
    }

    /// Returns the pool.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Creates the table if it is missing. Several processes may do so at once.
    ///
    /// # Errors
    /// If the database fails, or the user may not create tables.
    pub async fn migrate(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut migration = connection.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *migration).await?;
        migration.execute(sqlx::raw_sql(Self::MIGRATION)).await?;
        migration.commit().await
    }

    /// Stores the response in the transaction that does the work: both are committed, or neither.
    ///
    /// Call it as the last statement before the commit: from then on the row is locked, and a request that takes over
    /// an expired lease waits for it.
    ///
    /// # Errors
    /// [`CompleteError`]: the transaction must not be committed then.
    pub async fn complete_in(
        &self,
        work: &mut PgConnection,
        claim: &Claim,
        response: &StoredResponse,
    ) -> Result<(), CompleteError> {
        let outcome = Outcome::Stored(response.clone());
        match rows::complete(work, claim.lease(), &outcome, interval(claim.keep())).await? {
            Completed::Kept => {
                claim.completed();
                Ok(())
            }
            Completed::Lost => Err(CompleteError::LeaseLost),
        }
    }

    /// Deletes at most this many expired keys, the oldest first, and returns their number. It works in batches, so that
    /// no lock is held for long; several processes may sweep at once and take different keys.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sweep(&self, batch: u32) -> Result<u64, sqlx::Error> {
        rows::sweep(&self.pool, batch).await
    }
}

impl Store for PostgresStore {
    type Error = PostgresStoreError;

    async fn begin(
        &self,
        key: ScopedKey,
        fingerprint: Fingerprint,
        lease: Duration,
        keep: Duration,
    ) -> Result<Begun, PostgresStoreError> {
        match rows::begin(&self.pool, &self.shares, key, fingerprint, interval(lease), interval(keep)).await {
            Ok(begun) => begun.ok_or(PostgresStoreError::Share),
            Err(error) => Err(self.presence.explained(error).await.into()),
        }
    }

    async fn complete(
        &self,
        lease: &Lease,
        outcome: &Outcome,
        keep: Duration,
    ) -> Result<Completed, PostgresStoreError> {
        let mut connection = match self.pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => return Err(self.presence.explained(error).await.into()),
        };
        Ok(rows::complete(&mut connection, lease, outcome, interval(keep)).await?)
    }

    async fn release(&self, lease: &Lease) -> Result<(), PostgresStoreError> {
        Ok(rows::release(&self.pool, lease).await?)
    }
}

/// Returns a PostgreSQL interval, to the microsecond; a longer time is cut to the longest interval.
fn interval(of: Duration) -> PgInterval {
    // A century: far within what a timestamp holds, and for ever to a key.
    const FAR: i64 = 100 * 366 * 24 * 3600 * 1_000_000;
    let microseconds = i64::try_from(of.as_micros()).unwrap_or(FAR).min(FAR);
    PgInterval { months: 0, days: 0, microseconds }
}
