//! Orders in PostgreSQL, payments over HTTP: `orders CONFIG`.

use anyhow::Context;
use orders::{config::Config, service::Service};
use plimsoll::telemetry::logs::{self, LogConfig, LogFormat, LogGuard};
use std::{io::IsTerminal as _, path::PathBuf};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _logs = observe()?;
    let path = std::env::args_os().nth(1).map(PathBuf::from).context("usage: orders CONFIG")?;
    Service::bind(&Config::load(&path)?).await?.run().await
}

/// Logs to stderr, as JSON unless that is a terminal, filtered by `RUST_LOG`; with the feature `console` and tokio's unstable tracing, tokio-console instead,
/// which shows every task: where it was spawned, how long it ran, how often it was woken for nothing.
///
/// Starts logging. The guard is kept to the end: dropping it writes the last lines. An unread standard error blocks nothing.
fn observe() -> anyhow::Result<Option<LogGuard>> {
    #[cfg(feature = "console")]
    if cfg!(tokio_unstable) {
        console_subscriber::init();
        return Ok(None);
    }
    let (filter, variable) = ("info,sqlx::postgres::notice=warn".to_owned(), Some("RUST_LOG".to_owned()));
    let format = if std::io::stderr().is_terminal() { LogFormat::Readable } else { LogFormat::Json };
    Ok(Some(logs::init(&LogConfig { format, filter, variable, ..LogConfig::default() })?))
}
