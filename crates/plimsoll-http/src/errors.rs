//! Conversions of this library's remaining errors to problems, so that a handler can use `?` on any of them.
//!
//! A value built from client input (a path, a key, a network) that is malformed is the client's error; one built from
//! the service's own configuration is the service's, and its cause goes to the log. The type of the error decides which
//! of the two it is.

use crate::{
    Kind, Problem,
    body::LimitError,
    boundary::BodyError as BoundaryBodyError,
    headers::ParseTrustedProxyError,
    idempotency::{DurationsError, IdempotencyKeyError, KeyedBodyError},
    inbound::{BodyError, RequestIdError, deadline::DeadlineBodyError},
    path::PathError,
    replay::ReplayError,
};
use plimsoll_driver::classify::ResolveError;
use plimsoll_policy::units;
use plimsoll_task::{drain, lock, poison, queue, scope, supervise};
use plimsoll_telemetry::{BucketsError, LayoutMismatchError, NameError, RegisterError, logs::LogError};
use std::error::Error;

/// An error of the service itself: the caller gets an id, and the error goes to the log.
macro_rules! internal {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self::internal(error)
            }
        })*
    };
}

/// An error whose kind describes it completely; the error itself goes to the log as the cause.
macro_rules! because {
    ($($error:ty => $kind:ident),* $(,)?) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self::new(Kind::$kind).because(error)
            }
        })*
    };
}

/// A client error whose description the client gets.
macro_rules! told {
    ($($error:ty => $kind:ident),* $(,)?) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self::new(Kind::$kind).detail(error.to_string())
            }
        })*
    };
}

internal! {
    DurationsError,
    BoundaryBodyError,
    BucketsError,
    LimitError,
    LayoutMismatchError,
    LogError,
    NameError,
    ParseTrustedProxyError,
    RegisterError,
    poison::PoisonedError,
    supervise::Error,
    supervise::GaveUpError,
    units::ValueError,
}

because! {
    ResolveError => UpstreamUnreachable,
    plimsoll_telemetry::WriteLineError => Overloaded,
    drain::DrainError => Draining,
    lock::AcquireError => Unavailable,
    lock::TryLockError => Overloaded,
    queue::QueueClosedError => Unavailable,
    queue::TryRecvError => Unavailable,
}

told! {
    IdempotencyKeyError => IdempotencyKeyInvalid,
    PathError => BadRequest,
    RequestIdError => BadRequest,
}

/// A child that failed or panicked has reported the cause to its scope; a waiter for the child does not know it.
impl From<scope::ChildError> for Problem {
    fn from(ended: scope::ChildError) -> Self {
        match ended {
            scope::ChildError::Cancelled => Self::new(Kind::Unavailable).because(ended),
            ended => Self::internal(ended),
        }
    }
}

/// The work's own error keeps its problem.
impl<E: Into<Self>> From<scope::Error<E>> for Problem {
    fn from(error: scope::Error<E>) -> Self {
        match error {
            scope::Error::Failed(error) => error.into(),
            scope::Error::Panicked(panicked) => panicked.into(),
            scope::Error::DeadlineExceeded => Self::new(Kind::DeadlineExceeded),
            scope::Error::Full => Self::new(Kind::Overloaded).because("too many tasks in one scope"),
            _ => Self::new(Kind::Unavailable).because("cancelled before it was done"),
        }
    }
}

/// The first of them.
impl<E: Into<Self>> From<scope::AggregateError<E>> for Problem {
    fn from(failures: scope::AggregateError<E>) -> Self {
        let first = failures.into_errors().into_iter().next();
        first.map_or_else(|| Self::new(Kind::Internal), Into::into)
    }
}

/// A limit keeps its kind; the body's own error means that the request broke off.
impl<E: Into<Box<dyn Error + Send + Sync>>> From<BodyError<E>> for Problem {
    fn from(error: BodyError<E>) -> Self {
        match error {
            BodyError::TooLarge => Self::new(Kind::BodyTooLarge),
            BodyError::TooSlow => Self::new(Kind::RequestTimeout),
            BodyError::Inner(error) => {
                Self::new(Kind::BadRequest).detail("the body broke off").because(error)
            }
        }
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<DeadlineBodyError<E>> for Problem {
    fn from(error: DeadlineBodyError<E>) -> Self {
        match error {
            DeadlineBodyError::Exceeded => Self::new(Kind::DeadlineExceeded),
            DeadlineBodyError::Inner(error) => Self::internal(error),
        }
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<ReplayError<E>> for Problem {
    fn from(error: ReplayError<E>) -> Self {
        match error {
            ReplayError::Body(error) => {
                Self::new(Kind::BadRequest).detail("the body broke off").because(error)
            }
            ReplayError::Overflown => {
                Self::internal("the body is larger than can be kept for sending it again")
            }
            ReplayError::Superseded => Self::internal("another attempt reads this body now"),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<KeyedBodyError<E>> for Problem {
    fn from(error: KeyedBodyError<E>) -> Self {
        Self::internal(error)
    }
}

/// Of a file of policies.
#[cfg(any(feature = "client", feature = "server"))]
mod file {
    use super::Problem;
    use plimsoll_config::{ConfigError, DocumentError, LoadError, UnknownPolicyError};

    internal!(ConfigError, DocumentError, LoadError, UnknownPolicyError);
}

#[cfg(feature = "client")]
mod client {
    use super::{Kind, Problem};
    use crate::client::{OriginError, RequestError};

    internal!(OriginError);

    impl From<RequestError> for Problem {
        fn from(error: RequestError) -> Self {
            Self::new(Kind::Internal).because(error)
        }
    }
}

#[cfg(all(feature = "static-files", unix))]
mod files {
    use super::Problem;
    use crate::files::FileError;

    internal!(FileError);
}

#[cfg(feature = "server")]
mod server {
    use super::Problem;
    use crate::{
        body::{EventFieldError, StreamAbortedError},
        serve::{AdminTokenError, HeadRoomError, ServeError, TimeLimitError},
    };

    internal!(
        EventFieldError,
        HeadRoomError,
        TimeLimitError,
        AdminTokenError,
        ServeError,
        StreamAbortedError
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Every public error of these crates that a handler can meet has a way to a problem. What is read is the source,
    /// so that an error that is added without one is found here.
    #[test]
    fn every_error_of_ours_is_a_problem() {
        let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let mut problems = String::new();
        let mut errors = Vec::new();
        for of in ["http", "config", "task", "telemetry", "tower", "driver", "policy"] {
            walk(format!("{crates}/plimsoll-{of}/src").as_ref(), &mut |path, text| {
                if of == "http" {
                    problems.push_str(text);
                }
                for error in public_errors(text) {
                    errors.push((path.display().to_string(), error));
                }
            });
        }
        assert!(errors.len() > 40, "{errors:?}");
        // ReportedProblem as part of another, and inside of a reader.
        let within = ["MalformedError", "Complaint"];
        for (path, error) in errors {
            let has = |before: &str| {
                problems.match_indices(&format!("{before}{error}")).any(|(at, found)| {
                    let next = problems[at + found.len()..].chars().next();
                    next.is_none_or(|next| !next.is_alphanumeric() && next != '_')
                })
            };
            let way =
                has("From<") || has("::") || ["    ", "internal!(", ", "].iter().any(|before| has(before));
            assert!(way || within.contains(&&*error), "{error} of {path} is no problem");
        }
    }

    fn walk(folder: &std::path::Path, look: &mut dyn FnMut(&std::path::Path, &str)) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, look);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                look(&entry, &fs::read_to_string(&entry).unwrap());
            }
        }
    }

    /// Public types that derive an error.
    fn public_errors(text: &str) -> Vec<String> {
        let derived = text.split("#[derive(").skip(1).filter(|rest| {
            let list = rest.split(')').next().unwrap_or_default();
            list.split(',').any(|one| matches!(one.trim(), "Error" | "thiserror::Error"))
        });
        let name = |rest: &str| {
            let line =
                rest.lines().find(|line| !line.starts_with([' ', '#', '/']) && line.contains("pub "))?;
            let word = line.split(["enum ", "struct "].iter().find(|word| line.contains(**word))?).nth(1)?;
            Some(word.split(|sign: char| !sign.is_alphanumeric()).next()?.to_owned())
        };
        derived.filter_map(name).collect()
    }

    #[test]
    fn each_says_what_it_was() {
        for (problem, kind) in [
            (Problem::from(BodyError::<String>::TooLarge), Kind::BodyTooLarge),
            (BodyError::<String>::TooSlow.into(), Kind::RequestTimeout),
            (DeadlineBodyError::<String>::Exceeded.into(), Kind::DeadlineExceeded),
            (IdempotencyKeyError::Empty.into(), Kind::IdempotencyKeyInvalid),
            (PathError.into(), Kind::BadRequest),
            (drain::DrainError::TooLate.into(), Kind::Draining),
            (lock::TryLockError.into(), Kind::Overloaded),
            (scope::Error::Failed(Kind::NotFound).into(), Kind::NotFound),
            (scope::Error::<Kind>::DeadlineExceeded.into(), Kind::DeadlineExceeded),
            (scope::ChildError::Cancelled.into(), Kind::Unavailable),
            (scope::ChildError::Failed.into(), Kind::Internal),
            (DurationsError.into(), Kind::Internal),
        ] {
            assert_eq!(problem.kind(), kind);
        }
    }
}
