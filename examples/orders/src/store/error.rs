use plimsoll::http::{Kind, Problem};
use std::time::Duration;

/// Long enough for a database that is restarted; callers with a key may simply come again.
const COME_BACK: Duration = Duration::from_secs(1);

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection was free in time.
    #[error("no connection to the database was free in time")]
    Busy,
    /// It is not there, or went away in between. Of a commit that ended so, nobody knows whether it was made.
    #[error("the database is away")]
    Away(#[source] sqlx::Error),
    /// It was at it for longer than a statement may take.
    #[error("a statement took too long")]
    Slow(#[source] sqlx::Error),
    /// It is there, and did not do what it was told.
    #[error("the database refused")]
    Failed(#[source] sqlx::Error),
    /// A row that no version of this service would have written.
    #[error("the database has a row that makes no sense")]
    Corrupt(#[from] crate::domain::ValueError),
    /// The tables are not what they should be.
    #[error("the tables could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolClosed => Self::Away(error),
            // Classes 08 and 57: connection exceptions, and an operator who stops the server.
            sqlx::Error::Database(ref inner)
                if inner.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P")) =>
            {
                Self::Away(error)
            }
            sqlx::Error::Database(ref inner) if inner.code().is_some_and(|code| code == "57014") => {
                Self::Slow(error)
            }
            other => Self::Failed(other),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(inner) => Self::from(inner),
            other => Self::Migration(other),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::new(Kind::BulkheadFull).code("database-busy").after(COME_BACK),
            StoreError::Away(_) => Self::unavailable("database-away").after(COME_BACK).because(error),
            StoreError::Slow(_) => Self::unavailable("database-slow").after(COME_BACK).because(error),
            other => Self::internal(other),
        }
    }
}
