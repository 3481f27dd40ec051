use crate::Problem;
use bytes::Bytes;
use http::Response;
use std::sync::Arc;

/// Stands in the extensions of a response that tells of a problem.
///
/// A boundary further out finds the problem here, inside and all, and logs and counts it.
#[derive(Clone, Debug)]
pub struct ReportedProblem {
    problem: Arc<Problem>,
    settled: bool,
}

impl ReportedProblem {
    pub(crate) fn new(problem: Problem) -> Self {
        Self { problem: Arc::new(problem), settled: false }
    }

    pub(super) const fn settled(problem: Arc<Problem>) -> Self {
        Self { problem, settled: true }
    }

    pub(super) fn shared(&self) -> Arc<Problem> {
        Arc::clone(&self.problem)
    }

    /// The problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns whether a boundary has logged and counted it.
    pub const fn is_settled(&self) -> bool {
        self.settled
    }
}

impl Problem {
    /// As a response for a boundary further out: what [`Problem::to_http`] gives, with the problem itself in the
    /// extensions ([`ReportedProblem`]).
    pub fn into_http(self) -> Response<Bytes> {
        let mut response = self.to_http();
        response.extensions_mut().insert(ReportedProblem::new(self));
        response
    }
}

#[cfg(feature = "server")]
impl axum::response::IntoResponse for Problem {
    /// [`Problem::into_http`].
    fn into_response(self) -> axum::response::Response {
        self.into_http().map(axum::body::Body::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_carries_its_problem() {
        let response = Problem::internal("secret").into_http();
        let reported = response.extensions().get::<ReportedProblem>().unwrap();
        assert_eq!(reported.problem().inside().unwrap().to_string(), "secret");
        assert!(!reported.is_settled());
    }
}
