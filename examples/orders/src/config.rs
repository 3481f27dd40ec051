//! The configuration: a file as it was written, and one that was checked. Only the second can be run.

use plimsoll::{http::idempotency::Terms, units};
use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;
use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

/// The file as it was written: nothing is checked but its form. [`TryFrom`] makes a [`Config`] of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// Where the service listens.
    #[serde(default = "listen")]
    pub listen: String,
    /// Where its admin interface listens.
    #[serde(default = "admin")]
    pub admin: String,
    /// The policy file, beside which nothing else decides on time limits, retries and the like.
    #[serde(default = "policies")]
    pub policies: PathBuf,
    /// The folder of invoices.
    pub invoices: PathBuf,
    /// The database.
    pub database: DatabaseFile,
    /// The payment service.
    pub payments: Origin,
    /// Whoever hears of what happens.
    pub notifications: Origin,
    /// The worker that tells them.
    #[serde(default)]
    pub outbox: OutboxFile,
    /// What is kept of requests with a key.
    #[serde(default)]
    pub idempotency: IdempotencyFile,
}

/// `[database]` as it was written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatabaseFile {
    /// `postgres://user:password@host/name`.
    pub url: String,
    /// Connections at most.
    #[serde(default = "ten")]
    pub connections: u32,
    /// The longest wait for one.
    #[serde(default = "half_a_second")]
    pub wait: String,
    /// The longest that one statement may take, and that a transaction may stand idle.
    #[serde(default = "five_seconds")]
    pub statement: String,
}

/// Another service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// `http://host:port`.
    pub origin: String,
}

/// `[outbox]` as it was written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboxFile {
    /// How often it looks when there was nothing to do.
    pub poll: String,
    /// How long an event that was taken is left to who took it.
    pub hold: String,
    /// How many it takes at once.
    pub batch: u16,
}

/// `[idempotency]` as it was written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdempotencyFile {
    /// The longest that a request with a key is worked on.
    pub run: String,
    /// How long a key is held for a request that has not ended; after that its owner is taken for dead. Longer than `run`.
    pub lease: String,
    /// How long an answer is kept.
    pub keep: String,
}

fn listen() -> String {
    "127.0.0.1:8080".to_owned()
}

fn admin() -> String {
    "127.0.0.1:9901".to_owned()
}

fn policies() -> PathBuf {
    "policies.toml".into()
}

const fn ten() -> u32 {
    10
}

fn half_a_second() -> String {
    "500ms".to_owned()
}

fn five_seconds() -> String {
    "5s".to_owned()
}

impl Default for OutboxFile {
    fn default() -> Self {
        Self { poll: "250ms".to_owned(), hold: "5s".to_owned(), batch: 20 }
    }
}

impl Default for IdempotencyFile {
    fn default() -> Self {
        Self { run: "20s".to_owned(), lease: "30s".to_owned(), keep: "24h".to_owned() }
    }
}

impl fmt::Debug for DatabaseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL has a password in it.
        f.debug_struct("DatabaseFile").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// A configuration that was checked: whoever has one can run the service.
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
    idempotency: Terms,
}

/// The database, checked.
#[derive(Clone)]
pub struct DatabaseConfig {
    options: PgConnectOptions,
    connections: u32,
    wait: Duration,
    statement: Duration,
}

/// The worker, checked.
#[derive(Clone, Copy, Debug)]
pub struct OutboxConfig {
    pub(crate) poll: Duration,
    pub(crate) hold: Duration,
    pub(crate) batch: u16,
}

/// What is wrong with a configuration, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Fault {
    place: String,
    what: String,
}

impl Fault {
    fn new(place: &str, what: impl fmt::Display) -> Self {
        Self { place: place.to_owned(), what: what.to_string() }
    }
}

impl Config {
    /// Reads and checks a file. The environment variable `DATABASE_URL` goes before the file's `database.url`.
    ///
    /// # Errors
    /// What is wrong, and where: of the form, line and column.
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

    /// The origin of whoever hears of what happens.
    pub fn notifications(&self) -> &str {
        &self.notifications
    }

    /// The worker.
    pub const fn outbox(&self) -> OutboxConfig {
        self.outbox
    }

    /// What is kept of requests with a key.
    pub const fn idempotency(&self) -> Terms {
        self.idempotency
    }
}

impl TryFrom<File> for Config {
    type Error = Fault;

    fn try_from(file: File) -> Result<Self, Fault> {
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
            idempotency: terms(&file.idempotency)?,
        })
    }
}

impl TryFrom<DatabaseFile> for DatabaseConfig {
    type Error = Fault;

    fn try_from(file: DatabaseFile) -> Result<Self, Fault> {
        // The error of a URL may quote it, password and all.
        let options = PgConnectOptions::from_str(&file.url)
            .map_err(|_| Fault::new("database.url", "expected postgres://user:password@host:port/name"))?;
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

fn address(place: &str, text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| Fault::new(place, "expected an address and a port, as in 127.0.0.1:8080"))
}

fn origin(place: &str, origin: Origin) -> Result<String, Fault> {
    let uri: http::Uri = origin.origin.parse().map_err(|error| Fault::new(place, error))?;
    match (uri.scheme_str(), uri.authority(), uri.path()) {
        (Some("http" | "https"), Some(_), "" | "/") => Ok(origin.origin),
        _ => Err(Fault::new(place, "expected http://host:port, without a path")),
    }
}

fn duration(place: &str, text: &str) -> Result<Duration, Fault> {
    match units::duration(text) {
        Ok(duration) if duration.is_zero() => Err(Fault::new(place, "expected more than nothing")),
        Ok(duration) => Ok(duration),
        Err(error) => Err(Fault::new(place, error)),
    }
}

fn terms(file: &IdempotencyFile) -> Result<Terms, Fault> {
    let run = duration("idempotency.run", &file.run)?;
    let lease = duration("idempotency.lease", &file.lease)?;
    let keep = duration("idempotency.keep", &file.keep)?;
    Terms::try_new(run, lease, keep).map_err(|error| Fault::new("idempotency", error))
}

fn within<T: PartialOrd + fmt::Display>(place: &str, value: T, least: T, most: T) -> Result<T, Fault> {
    if value >= least && value <= most {
        return Ok(value);
    }
    Err(Fault::new(place, format_args!("expected {least} to {most}, found {value}")))
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
    fn what_is_left_out_has_a_default_that_works() {
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
            let fault = Config::try_from(file(change)).unwrap_err().to_string();
            assert!(fault.starts_with(expected), "{fault}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let file = file(|_| {});
        assert!(!format!("{file:?}{:?}", Config::try_from(file.clone()).unwrap()).contains("s3cret"));
        let fault =
            Config::try_from(self::file(|file| file.database.url = "postgres://ann:s3cret@:x/".into()));
        assert!(!fault.unwrap_err().to_string().contains("s3cret"));
    }
}
