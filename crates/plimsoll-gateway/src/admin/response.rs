//! Responses: JSON, and problems as JSON.

use axum::{body::Body, response::IntoResponse};
use http::{HeaderValue, Response, StatusCode, header};
use plimsoll::{
    Problem,
    config::ConfigError,
    http::Kind,
    serve::{admin_faults, admin_text},
};
use serde::Serialize;
use serde_json::Value;

/// A maker of responses.
#[derive(Debug)]
pub(super) struct AdminResponse;

impl AdminResponse {
    pub(super) fn json(value: &impl Serialize) -> Response<Body> {
        Self::with(StatusCode::OK, "application/json", value)
    }

    /// A problem with a sentence.
    pub(super) fn problem(kind: Kind, detail: impl Into<String>) -> Response<Body> {
        Problem::new(kind).detail(admin_text(detail.into())).into_response()
    }

    /// A problem with the faults of what was sent, or of the file.
    pub(super) fn faults(detail: impl Into<String>, faults: &ConfigError) -> Response<Body> {
        admin_faults(detail, faults).into_response()
    }

    /// A problem with further members.
    pub(super) fn problem_with<const N: usize>(
        kind: Kind,
        detail: impl Into<String>,
        members: [(&'static str, Value); N],
    ) -> Response<Body> {
        let problem = Problem::new(kind).detail(admin_text(detail.into()));
        let with_member = |problem: Problem, (name, value)| problem.member(name, value);
        members.into_iter().fold(problem, with_member).into_response()
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
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}
