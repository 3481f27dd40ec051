//! Answers: JSON, and problems as JSON.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use plimsoll::{file::Faults, http::Kind};
use serde::Serialize;
use serde_json::{Value, json};

/// What went wrong, as the admin API calls it. The names are those of the gateway's problems where it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    name: &'static str,
    title: &'static str,
    status: StatusCode,
}

impl Fault {
    pub(super) const BAD_REQUEST: Self = Self::of(Kind::BadRequest);
    pub(super) const BODY_TOO_LARGE: Self = Self::of(Kind::BodyTooLarge);
    pub(super) const CONFLICT: Self = Self::of(Kind::Conflict);
    pub(super) const INTERNAL: Self = Self::of(Kind::Internal);
    pub(super) const METHOD_NOT_ALLOWED: Self = Self::of(Kind::MethodNotAllowed);
    pub(super) const NOT_FOUND: Self = Self::of(Kind::NotFound);
    pub(super) const UNPROCESSABLE: Self = Self::of(Kind::Unprocessable);
    pub(super) const UNAUTHORIZED: Self =
        Self { name: "unauthorized", title: "Who asks is not known", status: StatusCode::UNAUTHORIZED };
    pub(super) const FORBIDDEN: Self =
        Self { name: "forbidden", title: "This is not allowed", status: StatusCode::FORBIDDEN };
    pub(super) const UNSUPPORTED_MEDIA_TYPE: Self = Self {
        name: "unsupported-media-type",
        title: "The content's type is not taken here",
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
    };

    const fn of(kind: Kind) -> Self {
        Self { name: kind.name(), title: kind.title(), status: kind.status() }
    }
}

/// Makes answers.
#[derive(Debug)]
pub(super) struct Answer;

impl Answer {
    pub(super) fn json(value: &impl Serialize) -> Response<Body> {
        Self::with(StatusCode::OK, "application/json", value)
    }

    /// A problem ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a sentence.
    pub(super) fn problem(fault: Fault, detail: impl Into<String>) -> Response<Body> {
        Self::problem_with(fault, detail, [])
    }

    /// A problem with every fault of what was sent, or of the file.
    pub(super) fn faults(detail: impl Into<String>, faults: &Faults) -> Response<Body> {
        Self::problem_with(Fault::UNPROCESSABLE, detail, [("faults", json!(faults))])
    }

    /// A problem with further members.
    pub(super) fn problem_with<const N: usize>(
        fault: Fault,
        detail: impl Into<String>,
        members: [(&str, Value); N],
    ) -> Response<Body> {
        let mut document = json!({
            "type": format!("urn:plimsoll:problem:{}", fault.name),
            "title": fault.title,
            "status": fault.status.as_u16(),
            "detail": detail.into(),
        });
        if let Value::Object(document) = &mut document {
            document.extend(members.map(|(name, value)| (name.to_owned(), value)));
        }
        Self::with(fault.status, "application/problem+json", &document)
    }

    pub(super) fn text(content_type: &'static str, body: String) -> Response<Body> {
        Self::bytes(StatusCode::OK, content_type, body.into())
    }

    pub(super) fn with(
        status: StatusCode,
        content_type: &'static str,
        value: &impl Serialize,
    ) -> Response<Body> {
        let mut bytes = serde_json::to_vec(value).unwrap_or_default();
        bytes.push(b'\n');
        Self::bytes(status, content_type, bytes)
    }

    fn bytes(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Response<Body> {
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        // What is true now may not be in a moment, and none of it is a page.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}
