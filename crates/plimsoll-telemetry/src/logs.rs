//! Logs by `tracing`, as JSON lines or for people, to standard error.
//!
//! Levels are chosen per target (`info,plimsoll_gateway=debug`), from the configuration or from an environment
//! variable, which wins. Access logs do not go this way but through [`LineLog`](crate::LineLog).
//!
//! Writing is done by the thread that logs and waits for standard error; nothing on a request's normal path
//! logs at the default level.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogFormat {
    /// For people; coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Readable,
    /// One JSON object a line, the event's fields at its top level.
    Json,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// Levels by target, in the syntax of `tracing_subscriber::EnvFilter`. Default `info`.
    pub filter: String,
    /// The environment variable that overrides `filter` when it is set and not empty. Default `PLIMSOLL_LOG`.
    pub variable: Option<String>,
}

impl Default for LogConfig {
    fn default() -> Self {
        let (filter, variable) = ("info".to_owned(), Some("PLIMSOLL_LOG".to_owned()));
        Self { format: LogFormat::default(), filter, variable }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The filter is malformed.
    #[error("log filter {filter:?} (from {origin}): {fault}")]
    BadFilter {
        /// The filter.
        filter: String,
        /// `the configuration`, or the environment variable.
        origin: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Somebody has set the process's subscriber before.
    #[error("logging is already set up in this process")]
    AlreadySet,
}

/// Sets up logging for the whole process. Call it once, early.
///
/// # Errors
/// [`LogError::BadFilter`] when the filter is malformed, [`LogError::AlreadySet`] when the process has a
/// `tracing` subscriber. Neither changes anything.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let variable = config.variable.as_ref();
    let from_env = variable.and_then(|name| Some((name.as_str(), std::env::var(name).ok()?)));
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let subscriber = subscriber(config, from_env, colours, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadySet)
}

fn subscriber<W>(
    config: &LogConfig,
    from_env: Option<(&str, String)>,
    colours: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (origin, filter) = match from_env {
        Some((name, filter)) if !filter.is_empty() => (name, filter),
        _ => ("the configuration", config.filter.clone()),
    };
    let filter = EnvFilter::builder().parse(&filter).map_err(|fault| LogError::BadFilter {
        filter,
        origin: origin.to_owned(),
        fault: fault.to_string(),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(writer)
        // A closed standard error is no reason to panic while complaining about it.
        .log_internal_errors(false);
    Ok(match config.format {
        LogFormat::Readable => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(config: &LogConfig, from_env: Option<(&str, String)>) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(config, from_env, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(route = "home", status = 200, "served \"it\"");
            tracing::debug!("details");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_is_one_object_a_line_with_the_fields_on_top() {
        let text = logged(&LogConfig { format: LogFormat::Json, ..LogConfig::default() }, None);
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in [
            "\"level\":\"INFO\"",
            "\"route\":\"home\"",
            "\"status\":200",
            "served \\\"it\\\"",
            "\"timestamp\":\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn readable_has_no_colours_off_a_terminal() {
        let text = logged(&LogConfig::default(), None);
        assert!(
            text.contains("INFO") && text.contains("route=\"home\"") && !text.contains('\u{1b}'),
            "{text}"
        );
    }

    #[test]
    fn the_environment_wins_unless_it_is_empty() {
        let config = LogConfig::default();
        assert_eq!(logged(&config, Some(("X", "debug".to_owned()))).lines().count(), 2);
        assert_eq!(logged(&config, Some(("X", "off".to_owned()))), "");
        assert_eq!(logged(&config, Some(("X", String::new()))).lines().count(), 1);
    }

    #[test]
    fn a_malformed_filter_is_an_error_that_says_where_from() {
        let config = LogConfig { filter: "plimsoll=loud".to_owned(), ..LogConfig::default() };
        let error = subscriber(&config, None, false, std::io::sink).map(drop).unwrap_err();
        assert!(error.to_string().contains("\"plimsoll=loud\" (from the configuration)"), "{error}");
        let error = subscriber(&LogConfig::default(), Some(("X", "a=b=c=".to_owned())), false, std::io::sink);
        assert!(error.map(drop).unwrap_err().to_string().contains("from X"));
    }
}
