//! The configuration file as it was written: only its form is checked.

use serde::Deserialize;
use std::{fmt, path::PathBuf};

/// The file as it was written. [`Config`](super::Config) is made from it by `TryFrom`.
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
    /// The notification service.
    pub notifications: Origin,
    /// The worker that tells them.
    #[serde(default)]
    pub outbox: OutboxFile,
    /// Idempotency: how long requests with a key are kept.
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
    /// How long a response is kept.
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
