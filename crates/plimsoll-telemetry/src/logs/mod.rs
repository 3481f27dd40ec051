//! Logs by `tracing`, as JSON lines or for people, to standard error.
//!
//! Levels are chosen per target (`info,plimsoll_gateway=debug`), from the configuration or from an environment
//! variable, which wins, and can be changed while the process runs ([`Logs::set_filter`]). Access logs do not go this
//! way but through [`LineLog`].
//!
//! # Logging never waits for standard error
//! A thread that logs copies its line into a bounded buffer; one thread of the log's own writes. If standard error is a
//! pipe without a reader, a full disk or closed, lines are dropped and counted ([`Logs::stats`], and
//! `plimsoll_log_lines_dropped_total` once [registered](Logs::metrics)), and the log reports how many are missing as
//! soon as it can be written again. The same holds for panics, which the standard hook would write itself:
//! [`LogConfig::panics`].
//!
//! ```no_run
//! use plimsoll_telemetry::logs::{self, LogConfig, LogFormat};
//!
//! fn main() -> Result<(), logs::LogError> {
//!     // Kept until the end: dropping it writes the remaining lines.
//!     let logs = logs::init(&LogConfig { format: LogFormat::Json, ..LogConfig::default() })?;
//!     logs.set_filter("info,my_service=debug")?;
//!     Ok(())
//! }
//! ```

mod filter;
mod lines;
mod panics;
mod repeats;

pub use repeats::{Due, Repeats};

use crate::{
    collector::Collecting,
    error::RegisterError,
    line_log::{LineLog, LineLogConfig, LineStats, Target},
    registry::Registry,
};
use lines::Lines;
use parking_lot::Mutex;
use std::{
    fmt,
    io::IsTerminal,
    ops::Deref,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Bytes that may wait for standard error.
const CAPACITY: usize = 256 << 10;

/// How long the end of the process waits until the last lines are written.
const LINGER: Duration = Duration::from_secs(1);

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogFormat {
    /// For people; coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Readable,
    /// One JSON object a line, the event's fields at its top level.
    Json,
}

/// The settings of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The format of a line.
    pub format: LogFormat,
    /// Levels by target, in the syntax of `tracing_subscriber::EnvFilter`. Default `info`. A word alone must be a
    /// level: write `my_crate=trace` for all of a target.
    pub filter: String,
    /// The environment variable that overrides `filter` when it is set and not empty. Default `PLIMSOLL_LOG`.
    pub variable: Option<String>,
    /// Whether a panic is a line of the log (level `ERROR`) instead of being written by the panic hook that is there,
    /// which waits for standard error. Default `true`; a hook of one's own that was set before is then not called.
    pub panics: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        let (filter, variable) = ("info".to_owned(), Some("PLIMSOLL_LOG".to_owned()));
        Self { format: LogFormat::default(), filter, variable, panics: true }
    }
}

/// An error of setting up or changing the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The filter is malformed.
    #[error("log filter {filter:?} (from {origin}): {fault}")]
    BadFilter {
        /// The filter.
        filter: String,
        /// `the configuration`, the environment variable, or `a change`.
        origin: String,
        /// The description of the fault.
        fault: String,
    },
    /// The process already has a subscriber.
    #[error("logging is already set up in this process")]
    AlreadySet,
    /// The writing thread could not be started.
    #[error("no thread for the log: {0}")]
    Thread(#[source] std::io::Error),
}

/// The log of the process. A cheap handle: clones are the same log.
#[derive(Clone)]
pub struct Logs(Arc<Inner>);

struct Inner {
    lines: Arc<LineLog>,
    filter: Mutex<String>,
    reload: Reload,
}

/// Puts a filter in force.
type Reload = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("filter", &self.filter()).field("stats", &self.stats()).finish()
    }
}

impl Logs {
    /// Returns the filter in force.
    pub fn filter(&self) -> String {
        self.0.filter.lock().clone()
    }

    /// Puts another filter in force, for all threads at once. Returns the previous one.
    ///
    /// # Errors
    /// [`LogError::BadFilter`] when it is malformed; the old one stays.
    pub fn set_filter(&self, filter: &str) -> Result<String, LogError> {
        let bad = |fault: String| LogError::BadFilter {
            filter: filter.to_owned(),
            origin: "a change".to_owned(),
            fault,
        };
        let parsed = filter::parse(filter).map_err(bad)?;
        let mut current = self.0.filter.lock();
        (self.0.reload)(parsed).map_err(bad)?;
        Ok(std::mem::replace(&mut *current, filter.to_owned()))
    }

    /// Returns the counts of lines written, dropped and failed.
    pub fn stats(&self) -> LineStats {
        self.0.lines.stats()
    }

    /// Shows [`stats`](Self::stats) as metrics, with `log="program"`, until the guard is dropped.
    ///
    /// # Errors
    /// As [`LineLog::metrics`].
    pub fn metrics(&self, registry: &Registry) -> Result<Collecting, RegisterError> {
        self.0.lines.metrics(registry, "program")
    }

    /// Waits until what was logged before is written (or lost), at most `limit`; `false` when that was not enough.
    /// Blocks.
    pub fn flush(&self, limit: Duration) -> bool {
        self.0.lines.flush(limit)
    }
}

/// The guard of the log: dropped at the end of the program, it writes the remaining lines.
///
/// It waits for one second at most. If it is dropped earlier, logging goes on.
#[derive(Debug)]
#[must_use = "kept until the end of the program, it writes the last lines"]
pub struct LogGuard(Logs);

impl LogGuard {
    /// Returns a handle that changes the log and reads its statistics.
    pub fn handle(&self) -> Logs {
        self.0.clone()
    }
}

impl Deref for LogGuard {
    type Target = Logs;

    fn deref(&self) -> &Logs {
        &self.0
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.flush(LINGER);
    }
}

static CURRENT: OnceLock<Logs> = OnceLock::new();

/// Returns the process's log, if [`init`] has set it up.
pub fn current() -> Option<Logs> {
    CURRENT.get().cloned()
}

/// Sets up logging for the whole process. Call it once, early.
///
/// # Errors
/// [`LogError::BadFilter`] when the filter is malformed, [`LogError::AlreadySet`] when the process has a
/// `tracing` subscriber, [`LogError::Thread`] when no thread can be started. None changes anything.
pub fn init(config: &LogConfig) -> Result<LogGuard, LogError> {
    let variable = config.variable.as_ref();
    let from_env = variable.and_then(|name| Some((name.as_str(), std::env::var(name).ok()?)));
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let (filter, parsed) = chosen(config, from_env)?;
    // Woken by every line: the interval is for nothing but lost wakings.
    let bounds = LineLogConfig { capacity: CAPACITY, interval: Duration::from_secs(5), linger: LINGER };
    let lines = Arc::new(LineLog::open(Target::Stderr, &bounds).map_err(LogError::Thread)?);
    let writer = Lines::new(Arc::clone(&lines), config.format);
    let (subscriber, reload) = subscriber(config.format, parsed, colours, writer);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadySet)?;
    let logs = Logs(Arc::new(Inner { lines, filter: Mutex::new(filter), reload }));
    let logs = CURRENT.get_or_init(|| logs).clone();
    if config.panics {
        panics::log_them(logs.clone());
    }
    Ok(LogGuard(logs))
}

/// The filter as text and parsed.
fn chosen(config: &LogConfig, from_env: Option<(&str, String)>) -> Result<(String, EnvFilter), LogError> {
    let (origin, filter) = match from_env {
        Some((name, filter)) if !filter.is_empty() => (name, filter),
        _ => ("the configuration", config.filter.clone()),
    };
    match filter::parse(&filter) {
        Ok(parsed) => Ok((filter, parsed)),
        Err(fault) => Err(LogError::BadFilter { filter, origin: origin.to_owned(), fault }),
    }
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
) -> (Box<dyn Subscriber + Send + Sync>, Reload)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(writer)
        // A closed standard error is no reason to panic while complaining about it.
        .log_internal_errors(false);
    match format {
        LogFormat::Readable => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let reload = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (Box::new(builder.finish()), Box::new(reload))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let reload = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (Box::new(builder.finish()), Box::new(reload))
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
