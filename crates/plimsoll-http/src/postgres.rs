//! A check whether a PostgreSQL database can be reached; the timeout of a pool does not show that.

use sqlx::{Connection, PgConnection, PgPool};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// How long a result is valid.
const FRESH: Duration = Duration::from_millis(500);

/// How long the database may take to accept a connection.
const PATIENCE: Duration = Duration::from_millis(300);

/// A check whether the database behind a pool can be reached.
///
/// A pool returns `PoolTimedOut` both when all its connections are in use and when it cannot establish a new one. The
/// first is a service under load, the second a database that is down: a caller, an alert and a readiness probe need to
/// know which. This check opens a connection of its own, at most twice a second however many callers there are, and
/// waits for 300 ms at most. Clones share the result.
///
/// ```no_run
/// use plimsoll_http::{postgres::Presence, serve::serve};
/// # async fn start(app: axum::Router, pool: sqlx::PgPool) -> Result<(), plimsoll_http::serve::ServeError> {
/// let presence = Presence::of(&pool);
/// serve(app)
///     .on("127.0.0.1:8080")
///     .admin("127.0.0.1:9901")
///     .ready_while("database-away", move || {
///         let presence = presence.clone();
///         async move { presence.is_there().await }
///     })
///     .run()
///     .await
/// # }
/// ```
#[derive(Clone)]
pub struct Presence {
    pool: PgPool,
    /// The time and the result of the last check.
    last: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's options have a password in them.
        f.debug_struct("Presence").finish_non_exhaustive()
    }
}

impl Presence {
    /// Creates a check of the database that this pool connects to.
    pub fn of(pool: &PgPool) -> Self {
        Self { pool: pool.clone(), last: Arc::default() }
    }

    /// Returns whether the database accepts a connection, or did less than half a second ago.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn is_there(&self) -> bool {
        // One caller checks; the others wait for its result.
        let mut last = self.last.lock().await;
        if let Some((at, there)) = *last
            && at.elapsed() < FRESH
        {
            return there;
        }
        let there = self.ask().await;
        *last = Some((Instant::now(), there));
        there
    }

    /// Converts an error of the pool: a timeout while the database is away becomes `sqlx::Error::Io` of the kind
    /// `NotConnected`, everything else stays as it is.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn explained(&self, error: sqlx::Error) -> sqlx::Error {
        match error {
            sqlx::Error::PoolTimedOut if !self.is_there().await => sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::NotConnected,
                "the database lets no connection in",
            )),
            other => other,
        }
    }

    async fn ask(&self) -> bool {
        let options = self.pool.connect_options();
        match timeout(PATIENCE, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => {
                // It says goodbye by itself; how that goes tells nothing.
                let _ = timeout(PATIENCE, connection.close()).await;
                true
            }
            // The server is reachable, but full, or wants another password. Except for class 57: it is starting,
            // stopping or recovering.
            Ok(Err(sqlx::Error::Database(error))) => {
                !error.code().is_some_and(|code| code.starts_with("57P"))
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }
}
