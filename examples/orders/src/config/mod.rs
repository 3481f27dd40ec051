//! The configuration: a file as it was written, and one that was checked. Only the second can be run.

mod check;
mod database;
mod file;

pub use check::ConfigError;
pub use database::DatabaseConfig;
pub use file::{DatabaseFile, File, IdempotencyFile, Origin, OutboxFile};

use check::{address, duration, durations, origin, within};
use plimsoll::http::idempotency::Durations;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// A checked configuration, with which the service can run.
#[derive(Clone, Debug)]
pub struct Config {
    listen: SocketAddr,
    admin: SocketAddr,
    policies: PathBuf,
    invoices: PathBuf,
    database: DatabaseConfig,
    payments: String,
    notifications: String,
    outbox: OutboxConfig,
    idempotency: Durations,
}

/// The worker, checked.
#[derive(Clone, Copy, Debug)]
pub struct OutboxConfig {
    pub(crate) poll: Duration,
    pub(crate) hold: Duration,
    pub(crate) batch: u16,
}

impl Config {
    /// Reads and checks a file. The environment variable `DATABASE_URL` goes before the file's `database.url`.
    ///
    /// # Errors
    /// An error and its place; for a syntax error, line and column.
    pub fn load(path: &std::path::Path) -> anyhow::Result<Self> {
        use anyhow::Context;
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut file: File = toml::from_str(&text).with_context(|| path.display().to_string())?;
        if let Ok(url) = std::env::var("DATABASE_URL") {
            file.database.url = url;
        }
        Self::try_from(file).with_context(|| path.display().to_string())
    }

    /// Where the service listens.
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where its admin interface listens.
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The policy file.
    pub fn policies(&self) -> &std::path::Path {
        &self.policies
    }

    /// The folder of invoices.
    pub fn invoices(&self) -> &std::path::Path {
        &self.invoices
    }

    /// The database.
    pub const fn database(&self) -> &DatabaseConfig {
        &self.database
    }

    /// The payment service's origin.
    pub fn payments(&self) -> &str {
        &self.payments
    }

    /// The notification service's origin.
    pub fn notifications(&self) -> &str {
        &self.notifications
    }

    /// The worker.
    pub const fn outbox(&self) -> OutboxConfig {
        self.outbox
    }

    /// Returns the durations under which requests with a key are kept.
    pub const fn idempotency(&self) -> Durations {
        self.idempotency
    }
}

impl TryFrom<File> for Config {
    type Error = ConfigError;

    fn try_from(file: File) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: address("listen", &file.listen)?,
            admin: address("admin", &file.admin)?,
            policies: file.policies,
            invoices: file.invoices,
            database: DatabaseConfig::try_from(file.database)?,
            payments: origin("payments.origin", file.payments)?,
            notifications: origin("notifications.origin", file.notifications)?,
            outbox: OutboxConfig {
                poll: duration("outbox.poll", &file.outbox.poll)?,
                hold: duration("outbox.hold", &file.outbox.hold)?,
                batch: within("outbox.batch", file.outbox.batch, 1, 1_000)?,
            },
            idempotency: durations(&file.idempotency)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(change: impl FnOnce(&mut File)) -> File {
        let mut file = toml::from_str(
            r#"
            invoices = "invoices"
            database = { url = "postgres://ann:s3cret@127.0.0.1:5432/orders" }
            payments = { origin = "http://127.0.0.1:9000" }
            notifications = { origin = "http://127.0.0.1:9000" }
            "#,
        )
        .unwrap();
        change(&mut file);
        file
    }

    #[test]
    fn what_is_left_out_has_a_deerror_that_works() {
        let config = Config::try_from(file(|_| {})).unwrap();
        assert_eq!(config.listen().port(), 8080);
        assert_eq!(config.database().wait(), Duration::from_millis(500));
        assert_eq!(config.idempotency().lease(), Duration::from_secs(30));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        type Change = fn(&mut File);
        let changes: [(Change, &str); 7] = [
            (|file| file.listen = "8080".into(), "listen: expected"),
            (|file| file.database.url = "mysql//".into(), "database.url: expected"),
            (|file| file.database.connections = 0, "database.connections: expected 1 to 1000, found 0"),
            (|file| file.payments.origin = "http://a/charges".into(), "payments.origin: expected"),
            (|file| file.outbox.poll = "0s".into(), "outbox.poll: expected more"),
            (|file| file.idempotency.lease = "soon".into(), "idempotency.lease: "),
            (|file| file.idempotency.lease = "1s".into(), "idempotency: 0 < run < lease"),
        ];
        for (change, expected) in changes {
            let error = Config::try_from(file(change)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let file = file(|_| {});
        assert!(!format!("{file:?}{:?}", Config::try_from(file.clone()).unwrap()).contains("s3cret"));
        let error =
            Config::try_from(self::file(|file| file.database.url = "postgres://ann:s3cret@:x/".into()));
        assert!(!error.unwrap_err().to_string().contains("s3cret"));
    }
}
