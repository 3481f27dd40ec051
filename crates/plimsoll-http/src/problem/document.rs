//! A problem as an HTTP response.

use super::{Kind, Problem, ProblemId};
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde::Serialize;
use std::time::Duration;

/// The media type of problem details.
pub(crate) const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

impl Problem {
    /// Returns an `application/problem+json` response, with `Retry-After` in whole seconds, rounded up.
    pub fn to_http(&self) -> Response<Bytes> {
        self.http_as(self.known_as())
    }

    /// Returns the same under this id.
    pub(crate) fn http_as(&self, id: Option<ProblemId>) -> Response<Bytes> {
        let status = self.status();
        let rest = self.rest.as_deref();
        let document = Document {
            r#type: Urn(self.kind),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: self.detail_text(),
            id,
            code: self.own_code(),
            members: Members(rest.map_or(&[], |rest| &rest.members)),
        };
        // Strings, numbers and JSON values: nothing in it can fail to serialise.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Some(rest) = rest {
            headers.clone_from(&rest.headers);
        }
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(wait) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}

/// Rounds up: a caller that came back a fraction too early would be refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
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
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(flatten)]
    members: Members<'a>,
}

/// The names that [`Document`] uses itself, and `instance`, which has a meaning of its own.
pub(super) const OWN_MEMBERS: &[&str] = &["type", "title", "status", "detail", "instance", "id", "code"];

struct Members<'a>(&'a [(&'static str, serde_json::Value)]);

impl Serialize for Members<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
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
            .code("no-bank")
            .detail("no connection to any endpoint")
            .id(ProblemId::new(7))
            .because("connect 10.0.0.7:5432 as admin: refused");
        let response = problem.to_http();
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:plimsoll:problem:upstream-unreachable",
                "title": "The upstream could not be reached",
                "status": 502,
                "detail": "no connection to any endpoint",
                "id": "00000000000000000000000000000007",
                "code": "no-bank",
            })
        );
    }

    #[test]
    fn further_members_stand_beside_its_own_and_never_over_them() {
        let faults = serde_json::json!([{ "key": "timeout" }]);
        let problem =
            Problem::new(Kind::Unprocessable).member("faults", faults.clone()).member("status", 200);
        let body: serde_json::Value = serde_json::from_slice(problem.to_http().body()).unwrap();
        assert_eq!((&body["faults"], &body["status"]), (&faults, &serde_json::json!(422)));
    }

    #[test]
    fn its_headers_go_along() {
        let range = HeaderValue::from_static("bytes */10");
        let response =
            Problem::range_not_satisfiable("past-the-end").header(header::CONTENT_RANGE, range).to_http();
        assert_eq!(response.status(), 416);
        assert_eq!(response.headers()["content-range"], "bytes */10");
    }

    #[test]
    fn a_hint_is_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
