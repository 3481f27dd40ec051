//! Orders in PostgreSQL, payments over HTTP: `orders CONFIG`.

use anyhow::Context;
use orders::{config::Config, service::Service};
use std::path::PathBuf;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    observe();
    let path = std::env::args_os().nth(1).map(PathBuf::from).context("usage: orders CONFIG")?;
    Service::bind(&Config::load(&path)?).await?.run().await
}

/// Logs to stderr, filtered by `RUST_LOG`; with the feature `console` and tokio's unstable tracing, tokio-console instead,
/// which shows every task: where it was spawned, how long it ran, how often it was woken for nothing.
fn observe() {
    #[cfg(feature = "console")]
    if cfg!(tokio_unstable) {
        return console_subscriber::init();
    }
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx::postgres::notice=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
