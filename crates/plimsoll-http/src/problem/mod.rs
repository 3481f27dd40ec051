//! Problem details: the part for the caller, and the part for the log.

mod chain;
mod document;
mod errors;
mod grpc;
mod id;
mod kind;
mod made;
mod policies;
mod tasks;

pub use chain::Chain;
pub use grpc::{GrpcCode, is_grpc};
pub use id::ProblemId;
pub use kind::Kind;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::{borrow::Cow, error::Error, fmt, time::Duration};

/// A failure, with the text that the caller may see ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
///
/// The inside, an error with its chain, is a separate field that [`Problem::to_http`] and [`Problem::to_grpc`] never
/// read: it is for the log alone.
///
/// It is two words long, so that it is cheap as the `Err` of every handler. A problem without a detail, an id or an
/// inside needs no allocation.
///
/// ```
/// # use plimsoll_http::{Kind, Problem};
/// # use std::time::Duration;
/// let problem = Problem::new(Kind::RateLimited).after(Duration::from_millis(1500));
/// let response = problem.to_http();
/// assert_eq!(response.status(), 429);
/// assert_eq!(response.headers()["retry-after"], "2");
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// ```
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    rest: Option<Box<Rest>>,
}

/// The fields that most problems leave empty.
#[derive(Debug, Default)]
struct Rest {
    code: Option<&'static str>,
    detail: Option<Cow<'static, str>>,
    id: Option<ProblemId>,
    retry_after: Option<Duration>,
    status: Option<StatusCode>,
    headers: HeaderMap,
    members: Vec<(&'static str, serde_json::Value)>,
    inside: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// Creates a problem of this kind.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, rest: None }
    }

    /// Creates a problem with this status.
    ///
    /// A status without a [`Kind`] of its own has [`Kind::BadRequest`] below 500, and [`Kind::Internal`] from 500 on.
    pub fn of_status(status: StatusCode) -> Self {
        let kind = Kind::of_status(status);
        let mut problem = Self::new(kind);
        if kind.status() != status {
            problem.rest().status = Some(status);
        }
        problem
    }

    /// Sets the service's own name for the case, the member `code` of the response: letters, digits and `-`. Clients decide
    /// by it, so it should stay the same from version to version.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.rest().code = Some(code);
        self
    }

    /// Sets a sentence for the caller. It must reveal nothing internal.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.rest().detail = Some(detail.into());
        self
    }

    /// Sets the id, which the log has too.
    #[must_use]
    pub fn id(mut self, id: ProblemId) -> Self {
        self.rest().id = Some(id);
        self
    }

    /// Sets the wait before a retry (`Retry-After`).
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.rest().retry_after = Some(wait);
        self
    }

    /// Adds a header of the HTTP response: `Allow`, `WWW-Authenticate`, `Content-Range`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.rest().headers.append(name, value);
        self
    }

    /// Adds a member to the document, for programs to read
    /// ([RFC 9457, section 3.2](https://www.rfc-editor.org/rfc/rfc9457#section-3.2)). The caller sees it, but not over gRPC.
    /// A member with the name of one of the document's own is ignored.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        if !document::OWN_MEMBERS.contains(&name) {
            self.rest().members.push((name, value.into()));
        }
        self
    }

    /// Sets the error that caused it, for the log.
    #[must_use]
    pub fn because(mut self, inside: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.rest().inside = Some(inside.into());
        self
    }

    /// Returns the kind of problem.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the status over HTTP: its kind's, unless it was made from another one.
    pub fn status(&self) -> StatusCode {
        self.rest.as_ref().and_then(|rest| rest.status).unwrap_or(self.kind.status())
    }

    /// Returns the wait before a retry, if known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.rest.as_ref()?.retry_after
    }

    /// Returns the service's own name for the case.
    pub fn own_code(&self) -> Option<&'static str> {
        self.rest.as_ref()?.code
    }

    /// Returns the sentence for the caller.
    pub fn detail_text(&self) -> Option<&str> {
        self.rest.as_ref()?.detail.as_deref()
    }

    /// Returns the id, which the log has too.
    pub fn known_as(&self) -> Option<ProblemId> {
        self.rest.as_ref()?.id
    }

    /// Returns the error that caused it.
    pub fn inside(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.rest.as_ref()?.inside.as_deref()
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(code) = self.own_code() {
            write!(f, " ({code})")?;
        }
        if let Some(detail) = self.detail_text() {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inside().map(|inside| inside as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_two_words_long() {
        assert_eq!(size_of::<Problem>(), 2 * size_of::<usize>());
        assert_eq!(size_of::<Result<(), Problem>>(), 2 * size_of::<usize>());
    }

    #[test]
    fn the_inside_stays_inside() {
        let problem = Problem::new(Kind::Internal).because("password=hunter2");
        let response = problem.to_http();
        assert!(!String::from_utf8_lossy(response.body()).contains("hunter2"));
        assert!(!format!("{:?}", response.headers()).contains("hunter2"));
        assert!(!problem.to_string().contains("hunter2"));
        assert!(!format!("{:?}", problem.to_grpc().headers()).contains("hunter2"));
        assert_eq!(problem.inside().unwrap().to_string(), "password=hunter2");
    }

    #[test]
    fn a_status_keeps_its_number() {
        assert_eq!(Problem::of_status(StatusCode::NOT_FOUND).kind(), Kind::NotFound);
        assert!(Problem::of_status(StatusCode::NOT_FOUND).rest.is_none());
        let teapot = Problem::of_status(StatusCode::IM_A_TEAPOT);
        assert_eq!((teapot.kind(), teapot.status().as_u16()), (Kind::BadRequest, 418));
        let full = Problem::of_status(StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!((full.kind(), full.to_http().status().as_u16()), (Kind::Internal, 507));
    }
}
