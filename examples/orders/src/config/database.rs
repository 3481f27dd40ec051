//! The settings of the database.

use super::{
    check::{ConfigError, duration, within},
    file::DatabaseFile,
};
use sqlx::postgres::PgConnectOptions;
use std::{fmt, str::FromStr, time::Duration};

/// The database, checked.
#[derive(Clone)]
pub struct DatabaseConfig {
    options: PgConnectOptions,
    connections: u32,
    wait: Duration,
    statement: Duration,
}

impl TryFrom<DatabaseFile> for DatabaseConfig {
    type Error = ConfigError;

    fn try_from(file: DatabaseFile) -> Result<Self, ConfigError> {
        // The error of a URL may quote it, password and all.
        let options = PgConnectOptions::from_str(&file.url).map_err(|_| {
            ConfigError::new("database.url", "expected postgres://user:password@host:port/name")
        })?;
        Ok(Self {
            options,
            connections: within("database.connections", file.connections, 1, 1_000)?,
            wait: duration("database.wait", &file.wait)?,
            statement: duration("database.statement", &file.statement)?,
        })
    }
}

impl DatabaseConfig {
    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(crate) const fn connections(&self) -> u32 {
        self.connections
    }

    pub(crate) const fn wait(&self) -> Duration {
        self.wait
    }

    pub(crate) const fn statement(&self) -> Duration {
        self.statement
    }
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options have a password in them.
        f.debug_struct("DatabaseConfig").field("connections", &self.connections).finish_non_exhaustive()
    }
}
