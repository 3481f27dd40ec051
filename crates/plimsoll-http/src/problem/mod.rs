//! Problem details: what a caller is told, and what is kept for the log.

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

/// A failure, in the words that a caller may see ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
///
/// The inside, an error with its chain, is a field of its own that [`Problem::to_http`] and [`Problem::to_grpc`] never
/// look at: it is for the log alone.
///
/// Two words long, so that it costs next to nothing as the `Err` of every handler; one without a detail, an id or an
/// inside is made without an allocation.
///
/// ```
/// # use plimsoll_http::{Kind, Problem};
/// # use std::time::Duration;
/// let problem = Problem::new(Kind::RateLimited).after(Duration::from_millis(1500));
/// let answer = problem.to_http();
/// assert_eq!(answer.status(), 429);
/// assert_eq!(answer.headers()["retry-after"], "2");
/// assert_eq!(answer.headers()["content-type"], "application/problem+json");
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
    /// A problem of this kind, with nothing to add.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, rest: None }
    }

    /// The problem that this status stands for, with that very status.
    ///
    /// Statuses without a [`Kind`] of their own are told as [`Kind::BadRequest`] below 500, as [`Kind::Internal`] else.
    pub fn of_status(status: StatusCode) -> Self {
        let kind = Kind::of_status(status);
        let mut problem = Self::new(kind);
        if kind.status() != status {
            problem.rest().status = Some(status);
        }
        problem
    }

    /// The same with the service's own name for the case, a member `code` of the response. Clients decide by it, so it
    /// stays the same from version to version; letters, digits and `-`.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.rest().code = Some(code);
        self
    }

    /// The same with a sentence for the caller. Whoever sends the request reads it: nothing internal.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.rest().detail = Some(detail.into());
        self
    }

    /// The same with the id that stands in the log too.
    #[must_use]
    pub fn id(mut self, id: ProblemId) -> Self {
        self.rest().id = Some(id);
        self
    }

    /// The same with a hint when to come back.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.rest().retry_after = Some(wait);
        self
    }

    /// The same with a header of the response over HTTP: `Allow`, `WWW-Authenticate`, `Content-Range`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.rest().headers.append(name, value);
        self
    }

    /// With a further member of the document, for programs to read
    /// ([RFC 9457, section 3.2](https://www.rfc-editor.org/rfc/rfc9457#section-3.2)). It is for outside; over gRPC it is
    /// left out. What is called as one of the document's own members is not taken.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        if !document::OWN_MEMBERS.contains(&name) {
            self.rest().members.push((name, value.into()));
        }
        self
    }

    /// The same with the error behind it, for the log.
    #[must_use]
    pub fn because(mut self, inside: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.rest().inside = Some(inside.into());
        self
    }

    /// Returns the kind of problem.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The status it has over HTTP: its kind's, unless it was made of another one.
    pub fn status(&self) -> StatusCode {
        self.rest.as_ref().and_then(|rest| rest.status).unwrap_or(self.kind.status())
    }

    /// When to come back, where known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.rest.as_ref()?.retry_after
    }

    /// The service's own name for the case.
    pub fn own_code(&self) -> Option<&'static str> {
        self.rest.as_ref()?.code
    }

    /// Returns the sentence for the caller.
    pub fn detail_text(&self) -> Option<&str> {
        self.rest.as_ref()?.detail.as_deref()
    }

    /// The id that stands in the log too.
    pub fn known_as(&self) -> Option<ProblemId> {
        self.rest.as_ref()?.id
    }

    /// The error behind it.
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
    fn it_is_two_words_long() {
        assert_eq!(size_of::<Problem>(), 2 * size_of::<usize>());
        assert_eq!(size_of::<Result<(), Problem>>(), 2 * size_of::<usize>());
    }

    #[test]
    fn the_inside_stays_inside() {
        let problem = Problem::new(Kind::Internal).because("password=hunter2");
        let answer = problem.to_http();
        assert!(!String::from_utf8_lossy(answer.body()).contains("hunter2"));
        assert!(!format!("{:?}", answer.headers()).contains("hunter2"));
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
