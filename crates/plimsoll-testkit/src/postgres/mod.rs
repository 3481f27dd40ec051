//! A PostgreSQL for tests: a server of one's own, or a database of one's own on a server that a whole run shares.

mod cluster;
mod database;

pub use database::Database;

use cluster::Cluster;
use std::{env, fmt, future::Future, io::Write, sync::Arc};
use tokio::sync::OnceCell;

/// Where a server that a whole test run shares is named: `cargo xtask test` sets it, and so may you, to the URL of a
/// superuser on any PostgreSQL that may be filled with databases.
const SHARED: &str = "PLIMSOLL_TEST_POSTGRES";

static IN_THIS_PROCESS: OnceCell<Option<Postgres>> = OnceCell::const_new();

/// A running PostgreSQL server on the loopback address.
///
/// It is made of the programs that Debian's package `postgresql` installs under `/usr/lib/postgresql/*/bin` (or what is
/// on `PATH`), with a data folder of its own below the folder for temporary files, a port and a password of its own.
/// Started by root it runs as the user `postgres`, because the server refuses to run as root. It writes without `fsync`:
/// what it acknowledged survives its own death, though not the machine's.
///
/// Clones are the same server. It is stopped and its folder removed when the last one is dropped, and also when the
/// process that started it dies in whatever way: a guard process waits for the end of a pipe that only the starter holds.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use plimsoll_testkit::Postgres;
///
/// // None, and a line on stderr, where PostgreSQL is not installed; on a build machine (`CI` set) a panic instead.
/// let Some(server) = Postgres::shared().await else { return };
/// let database = server.create_database().await; // empty, and gone when dropped
/// let url = database.url(); // for sqlx, psql, …
/// # let _ = url;
/// # }
/// ```
#[derive(Clone)]
pub struct Postgres(Server);

#[derive(Clone)]
enum Server {
    /// A cluster started here.
    Ours(Arc<Cluster>),
    /// A server named by the variable, which is stopped elsewhere.
    Named(Arc<str>),
}

impl Postgres {
    /// The server that the tests of this run share: the one that `PLIMSOLL_TEST_POSTGRES` names, or else one for this
    /// process, started by the first that asks.
    ///
    /// `None` where PostgreSQL is not installed, with a line on stderr that says so. The variable `CI` makes it a panic.
    ///
    /// # Panics
    /// If the server does not start.
    ///
    /// # Cancel safety
    /// Cancel safe: the next that asks starts it, then.
    pub async fn shared() -> Option<Self> {
        if let Ok(url) = env::var(SHARED) {
            return Some(Self(Server::Named(url.into())));
        }
        IN_THIS_PROCESS.get_or_init(Self::start).await.clone()
    }

    /// A server of one's own, for tests that stop it. Takes a second or two: the data folder is made first.
    ///
    /// `None` as for [`Postgres::shared`].
    ///
    /// # Panics
    /// If it does not start.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped before its end, what was started is stopped and removed.
    pub async fn start() -> Option<Self> {
        let Some(programs) = cluster::programs() else {
            let what = "PostgreSQL is not installed (Debian's package postgresql): SKIPPED what needs it";
            assert!(!on_build_machine(), "{what}, and a build machine must have it");
            // Past the test runner's capture: nobody sees what a test prints that then passes.
            writeln!(std::io::stderr(), "{what}").ok();
            return None;
        };
        let cluster = blocking(move || Cluster::start(programs)).await;
        Some(Self(Server::Ours(Arc::new(cluster))))
    }

    /// The superuser's URL: `postgres://user:password@127.0.0.1:port/postgres`.
    pub fn url(&self) -> String {
        match &self.0 {
            Server::Ours(cluster) => cluster.url(),
            Server::Named(url) => url.to_string(),
        }
    }

    /// An empty database. Dropping it drops the database and its connections.
    ///
    /// # Panics
    /// If the server does not make it: it is stopped, or full.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped before its end, the database may stay until the server goes.
    pub async fn create_database(&self) -> Database {
        let server = self.clone();
        blocking(move || Database::create(server)).await
    }

    /// Stops it as a crash does, connections and all: clients see a reset or an error, and what was not committed is lost.
    /// When this returns, its port refuses connections.
    ///
    /// # Panics
    /// If it is shared by a run ([`Postgres::shared`]), or was not running.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped before its end, it is stopped a little later.
    pub async fn stop_immediately(&self) {
        let cluster = self.ours();
        blocking(move || cluster.stop()).await;
    }

    /// Starts it again, on the same port, with what was committed. When this returns, it takes connections.
    ///
    /// # Panics
    /// If it is shared by a run, or does not start.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped before its end, it is started a little later.
    pub async fn start_again(&self) {
        let cluster = self.ours();
        blocking(move || cluster.launch().expect("PostgreSQL starts again")).await;
    }

    fn ours(&self) -> Arc<Cluster> {
        match &self.0 {
            Server::Ours(cluster) => Arc::clone(cluster),
            Server::Named(_) => {
                panic!("a shared server is not a test's to stop: Postgres::start() has one of its own")
            }
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL has a password in it.
        f.debug_struct("Postgres")
            .field("shared", &matches!(self.0, Server::Named(_)))
            .finish_non_exhaustive()
    }
}

/// True where a skipped test is an error.
fn on_build_machine() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Runs programs without holding up the tests' runtime.
fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> {
    let running = tokio::task::spawn_blocking(work);
    async { running.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) }
}
