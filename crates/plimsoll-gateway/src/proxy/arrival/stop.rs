//! Why a request goes no further than here.

use crate::hostname::HostnameError;
use plimsoll::http::{Kind, Problem, path::PathRuleError};

/// Why a request goes no further.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// It asks the gateway itself, and for nothing but a response.
    #[error("the gateway itself responds")]
    Own,
    #[error("TRACE is not served: it would show the client what was added to its request")]
    Trace,
    #[error("{0}")]
    Path(PathRuleError),
    #[error("{0}")]
    Host(HostnameError),
    #[error("a header's name has something else than letters, digits and dashes, which is refused here")]
    HeaderName,
    #[error("Max-Forwards is no number")]
    MaxForwards,
    #[error("the target or the host is malformed")]
    Target,
}

impl Stop {
    /// A short stable name, for metrics and logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Trace => "trace",
            Self::Path(fault) => fault.name(),
            Self::Host(error) => error.name(),
            Self::HeaderName => "header-name",
            Self::MaxForwards => "max-forwards",
            Self::Target => "target-syntax",
        }
    }

    /// Returns the problem of the response, if the request is refused.
    pub(crate) fn problem(self) -> Option<Problem> {
        let kind = match self {
            Self::Own => return None,
            Self::Trace => Kind::NotImplemented,
            _ => Kind::BadRequest,
        };
        Some(Problem::new(kind).detail(self.to_string()))
    }
}
