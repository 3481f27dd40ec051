//! `plimsoll run [FILE]`.

use crate::{
    command::DEFAULT_FILE,
    exit::Exit,
    output::{complain, paint},
};
use clap::{Args, ValueEnum};
use plimsoll_gateway::{
    control::{self, RunError},
    file::LoadError,
    logs::{self, LogConfig, LogFormat},
};
use std::path::PathBuf;

/// Run the gateway with this configuration file
///
/// SIGTERM and SIGINT stop it: requests in flight finish first, within `drain` of the file; a second signal stops it at
/// once. SIGHUP reloads the file; if the new file is invalid, the old configuration stays. SIGUSR1 reopens the access
/// log.
///
/// Exits with 0 after a signal, with 1 if an address cannot be bound or the file cannot be read, with 2 if the file is
/// invalid.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The gateway's file
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Format of the log on standard error
    #[arg(long, value_enum, default_value_t)]
    log: Log,
    /// Log level, or levels by target ("info,plimsoll_gateway=debug"); PLIMSOLL_LOG wins
    #[arg(long, value_name = "LEVELS", default_value = "info")]
    log_level: String,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Log {
    /// For people
    #[default]
    Readable,
    /// One JSON object a line
    Json,
}

impl Run {
    pub(crate) fn run(self) -> Exit {
        let format = match self.log {
            Log::Readable => LogFormat::Readable,
            Log::Json => LogFormat::Json,
        };
        let config = LogConfig { format, filter: self.log_level.clone(), ..LogConfig::default() };
        let _logs = match logs::init(&config) {
            Ok(logs) => logs,
            Err(error) => {
                complain(&format!("error: {error}\n"));
                return Exit::Wrong;
            }
        };
        match control::run(&self.file) {
            Ok(()) => Exit::Fine,
            Err(RunError::File(LoadError::Invalid(invalid))) => {
                let count = invalid.faults().iter().count();
                let faults = if count == 1 { "fault" } else { "faults" };
                let faults = format!("{}\n{}: {count} {faults}\n", invalid.render(), self.file.display());
                complain(&paint(&faults));
                Exit::Wrong
            }
            // Its words have the cause in them already.
            Err(error) => {
                complain(&format!("error: {error}\n"));
                Exit::Failed
            }
        }
    }
}
