//! Problem details: what a caller is told, and what is kept for the log.

mod grpc;
mod kind;
mod policies;

pub use grpc::{GrpcCode, is_grpc};
pub use kind::Kind;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use std::{borrow::Cow, fmt, time::Duration};

/// Names one problem in the answer and in the log, so that the one leads to the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProblemId(u128);

impl ProblemId {
    /// The id of these bits: a request's trace id, or 128 random ones.
    pub const fn new(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for ProblemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ProblemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What went wrong, in the words that a caller may see ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
///
/// The inside, an error with its chain, is a field of its own that [`Problem::to_http`] and [`Problem::to_grpc`] never
/// look at: it is for the log alone.
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
    detail: Option<Cow<'static, str>>,
    id: Option<ProblemId>,
    retry_after: Option<Duration>,
    inside: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Problem {
    /// A problem of this kind, with nothing to add.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, detail: None, id: None, retry_after: None, inside: None }
    }

    /// The same with a sentence for the caller. Whoever sends the request reads it: nothing internal.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with the id that stands in the log too.
    #[must_use]
    pub const fn id(mut self, id: ProblemId) -> Self {
        self.id = Some(id);
        self
    }

    /// The same with a hint when to come back.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The same with the error behind it, for the log.
    #[must_use]
    pub fn because(mut self, inside: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.inside = Some(inside.into());
        self
    }

    /// What kind of problem it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The status it has over HTTP.
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// When to come back, where known.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The error behind it.
    pub fn inside(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.inside.as_deref()
    }

    /// As an `application/problem+json` answer, with `Retry-After` in whole seconds, rounded up.
    pub fn to_http(&self) -> Response<Bytes> {
        let status = self.status();
        let document = Document {
            r#type: Urn(self.kind),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: self.detail.as_deref(),
            id: self.id,
        };
        // Strings and numbers alone: nothing in it can fail to serialise.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut answer = Response::new(Bytes::from(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        answer
    }
}

/// Rounded up: a caller that comes back a fraction too early is turned away again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.name())?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inside.as_deref().map(|inside| inside as _)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: Urn,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<ProblemId>,
}

struct Urn(Kind);

impl Serialize for Urn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:plimsoll:problem:{}", self.0.name()))
    }
}

impl Serialize for ProblemId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_members_of_the_rfc() {
        let problem = Problem::new(Kind::UpstreamUnreachable)
            .detail("no connection to any endpoint")
            .id(ProblemId::new(7))
            .because("connect 10.0.0.7:5432 as admin: refused");
        let answer = problem.to_http();
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:plimsoll:problem:upstream-unreachable",
                "title": "The upstream could not be reached",
                "status": 502,
                "detail": "no connection to any endpoint",
                "id": "00000000000000000000000000000007",
            })
        );
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
    fn a_hint_is_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
    }
}
