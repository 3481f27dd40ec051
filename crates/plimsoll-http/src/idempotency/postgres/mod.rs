//! Keys in PostgreSQL, beside the service's own data.

mod rows;

use super::{Answer, Begun, Claim, Completed, Fingerprint, Lease, Outcome, ScopedKey, Store};
use crate::{Kind, Problem, postgres::Presence};
use sqlx::{Connection, Executor, PgConnection, PgPool, postgres::types::PgInterval};
use std::time::Duration;

/// Keys in PostgreSQL, in a table `plimsoll_idempotency`: shared by all processes, and outliving them.
///
/// # Exactly once
/// A service whose work is a transaction on the same database keeps the answer in it:
///
/// ```no_run
/// # use plimsoll_http::{Problem, idempotency::{Answer, Claim, PostgresStore}};
/// # use http::StatusCode;
/// # async fn place(store: &PostgresStore, claim: &Claim) -> Result<Answer, Problem> {
/// let answer = Answer::json(StatusCode::CREATED, &"order 7").map_err(Problem::internal)?;
/// let mut work = store.pool().begin().await.map_err(Problem::internal)?;
/// // … the service's own statements on `work` …
/// store.complete_in(&mut work, claim, &answer).await?;
/// work.commit().await.map_err(Problem::internal)?;
/// Ok(answer)
/// # }
/// ```
///
/// A crash before the commit leaves neither work nor answer, one after it leaves both. Whoever lost the lease meanwhile
/// gets [`CompleteError::LeaseLost`] and rolls back.
///
/// # Time
/// Leases and answers run out by the clock of the database, so processes need not agree on the time. What has run out
/// is not seen any more, and is deleted by [`PostgresStore::sweep`], which the service calls from time to time.
///
/// # Cost
/// Two statements for a request that is done, one of them the service's own where it uses
/// [`PostgresStore::complete_in`]; two for one that is given again. Rows are found by their primary key, and no
/// statement of [`Store::begin`] waits for a transaction that is at work under the same key.
///
/// All methods are cancel safe as the statements of sqlx are: done or not done, never half.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
    presence: Presence,
}

/// Why an answer was not kept within the service's transaction, which is to be rolled back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompleteError {
    /// The lease ran out and was taken over: somebody else does, or has done, the work.
    #[error("the lease on the idempotency key was lost")]
    LeaseLost,
    /// The database failed.
    #[error("keeping the answer to an idempotency key")]
    Database(#[from] sqlx::Error),
}

/// 409 `idempotency-key-in-flight` for a lost lease: the client is to ask again. 500 or 503 for the database.
impl From<CompleteError> for Problem {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::LeaseLost => {
                Self::new(Kind::IdempotencyKeyInFlight).after(Duration::from_secs(1)).because(error)
            }
            CompleteError::Database(error) => DatabaseError(error).into(),
        }
    }
}

/// What the store says when the database failed.
#[derive(Debug, thiserror::Error)]
#[error("the store of idempotency keys failed")]
pub struct DatabaseError(#[from] sqlx::Error);

impl DatabaseError {
    /// Whether it is not there, or went away: what it is asked may well be answered later.
    fn is_absence(&self) -> bool {
        match &self.0 {
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => true,
            // Connection exceptions, and an operator who stops or starts the server.
            sqlx::Error::Database(error) => {
                error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
            }
            _ => false,
        }
    }
}

/// 503 with the code `database-away` where the database is away, 503 `bulkhead-full` with the code `database-busy` where
/// all connections of the pool are out, 500 for the rest.
impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        if error.is_absence() {
            Self::unavailable("database-away").after(Duration::from_secs(1)).because(error)
        } else if matches!(error.0, sqlx::Error::PoolTimedOut) {
            Self::new(Kind::BulkheadFull).code("database-busy").after(Duration::from_secs(1)).because(error)
        } else {
            Self::internal(error)
        }
    }
}

/// One for all migrations of this table: an arbitrary number that nobody else is likely to lock.
const MIGRATION_LOCK: i64 = 0x706c_696d_736f_6c6c;

impl PostgresStore {
    /// What makes the table, for those who run their migrations themselves. Running it again changes nothing.
    pub const MIGRATION: &'static str = include_str!("migration.sql");

    /// Keys in the database behind this pool. The table has to be there: [`PostgresStore::migrate`].
    pub fn new(pool: PgPool) -> Self {
        let presence = Presence::of(&pool);
        Self { pool, presence }
    }

    /// The pool.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Makes the table where it is missing. Several processes may do so at once.
    ///
    /// # Errors
    /// Where the database fails, or the user may not create tables.
    pub async fn migrate(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut migration = connection.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *migration).await?;
        migration.execute(sqlx::raw_sql(Self::MIGRATION)).await?;
        migration.commit().await
    }

    /// Keeps the answer within the transaction that does the work: both are committed, or neither.
    ///
    /// As the last statement before the commit: from here on the row is locked, and whoever wants to take an expired
    /// lease over waits for it.
    ///
    /// # Errors
    /// [`CompleteError`]: the transaction must not be committed then.
    pub async fn complete_in(
        &self,
        work: &mut PgConnection,
        claim: &Claim,
        answer: &Answer,
    ) -> Result<(), CompleteError> {
        let outcome = Outcome::Answered(answer.clone());
        match rows::complete(work, claim.lease(), &outcome, interval(claim.keep())).await? {
            Completed::Kept => {
                claim.completed();
                Ok(())
            }
            Completed::Lost => Err(CompleteError::LeaseLost),
        }
    }

    /// Deletes at most so many of the keys whose time is over, the oldest first, and says how many. In batches, so that
    /// no lock is held for long; several processes may sweep at once and take different ones.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn sweep(&self, batch: u32) -> Result<u64, sqlx::Error> {
        rows::sweep(&self.pool, batch).await
    }
}

impl Store for PostgresStore {
    type Error = DatabaseError;

    async fn begin(
        &self,
        key: ScopedKey,
        fingerprint: Fingerprint,
        lease: Duration,
        keep: Duration,
    ) -> Result<Begun, DatabaseError> {
        match rows::begin(&self.pool, key, fingerprint, interval(lease), interval(keep)).await {
            Ok(begun) => Ok(begun),
            Err(error) => Err(self.presence.explained(error).await.into()),
        }
    }

    async fn complete(
        &self,
        lease: &Lease,
        outcome: &Outcome,
        keep: Duration,
    ) -> Result<Completed, DatabaseError> {
        let mut connection = match self.pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => return Err(self.presence.explained(error).await.into()),
        };
        Ok(rows::complete(&mut connection, lease, outcome, interval(keep)).await?)
    }

    async fn release(&self, lease: &Lease) -> Result<(), DatabaseError> {
        Ok(rows::release(&self.pool, lease).await?)
    }
}

/// As PostgreSQL counts, to the microsecond; a time beyond its reach is as far as it reaches.
fn interval(of: Duration) -> PgInterval {
    // A century: far within what a timestamp holds, and for ever to a key.
    const FAR: i64 = 100 * 366 * 24 * 3600 * 1_000_000;
    let microseconds = i64::try_from(of.as_micros()).unwrap_or(FAR).min(FAR);
    PgInterval { months: 0, days: 0, microseconds }
}
