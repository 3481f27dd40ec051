use super::{
    Postgres,
    cluster::{self, run},
};
use std::{
    fmt, io,
    process::Command,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// An empty database on a server of tests, gone when dropped.
pub struct Database {
    name: String,
    url: String,
    server: Postgres,
}

impl Database {
    pub(super) fn create(server: Postgres) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // The server may be shared by many processes.
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let whole = server.url();
        psql(&whole, &format!("CREATE DATABASE {name}")).expect("a new database");
        let (before, _) = whole.rsplit_once('/').expect("a URL ends with the name of a database");
        Self { url: format!("{before}/{name}"), name, server }
    }

    /// Its URL, password and all.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the output of `psql` for this statement, independent of the code under test: one line for each row, columns
    /// separated by `|`.
    ///
    /// # Panics
    /// If the server is not there, or does not like the statement.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped before its end, the statement is carried out all the same.
    pub async fn psql(&self, statement: &str) -> String {
        let (url, statement) = (self.url.clone(), statement.to_owned());
        super::blocking(move || psql(&url, &statement).expect("psql succeeds")).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that is stopped takes it along.
        psql(&self.server.url(), &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).ok();
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}

fn psql(url: &str, statement: &str) -> io::Result<String> {
    let program = cluster::programs().map_or_else(|| "psql".into(), |folder| folder.join("psql"));
    let mut command = Command::new(program);
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", statement, url]);
    let output = run(&mut command)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
