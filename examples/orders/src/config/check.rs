//! The checks of single settings, and the error that names the place of a wrong one.

use super::file::{IdempotencyFile, Origin};
use plimsoll::{http::idempotency::Durations, policy::units};
use std::{fmt, net::SocketAddr, time::Duration};

/// An error in a configuration, with its place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ConfigError {
    place: String,
    what: String,
}

impl ConfigError {
    pub(super) fn new(place: &str, what: impl fmt::Display) -> Self {
        Self { place: place.to_owned(), what: what.to_string() }
    }
}

pub(super) fn address(place: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError::new(place, "expected an address and a port, as in 127.0.0.1:8080"))
}

pub(super) fn origin(place: &str, origin: Origin) -> Result<String, ConfigError> {
    let uri: http::Uri = origin.origin.parse().map_err(|error| ConfigError::new(place, error))?;
    match (uri.scheme_str(), uri.authority(), uri.path()) {
        (Some("http" | "https"), Some(_), "" | "/") => Ok(origin.origin),
        _ => Err(ConfigError::new(place, "expected http://host:port, without a path")),
    }
}

pub(super) fn duration(place: &str, text: &str) -> Result<Duration, ConfigError> {
    match units::duration(text) {
        Ok(duration) if duration.is_zero() => Err(ConfigError::new(place, "expected more than nothing")),
        Ok(duration) => Ok(duration),
        Err(error) => Err(ConfigError::new(place, error)),
    }
}

pub(super) fn durations(file: &IdempotencyFile) -> Result<Durations, ConfigError> {
    let run = duration("idempotency.run", &file.run)?;
    let lease = duration("idempotency.lease", &file.lease)?;
    let keep = duration("idempotency.keep", &file.keep)?;
    Durations::try_new(run, lease, keep).map_err(|error| ConfigError::new("idempotency", error))
}

pub(super) fn within<T: PartialOrd + fmt::Display>(
    place: &str,
    value: T,
    least: T,
    most: T,
) -> Result<T, ConfigError> {
    if value >= least && value <= most {
        return Ok(value);
    }
    Err(ConfigError::new(place, format_args!("expected {least} to {most}, found {value}")))
}
