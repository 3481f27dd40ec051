//! Responses of a layer in place of the service's.

use crate::{Problem, boundary::ReportedProblem, is_grpc};
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// The body of the service's response, or of a refusal in its place.
    #[derive(Debug)]
    pub struct RefusableBody<B> {
        #[pin]
        body: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Refusal { #[pin] body: Full<Bytes> },
        Service { #[pin] body: B },
    }
}

impl<B> RefusableBody<B> {
    /// The service's own.
    pub(crate) const fn of_service(body: B) -> Self {
        Self { body: Kind::Service { body } }
    }

    /// Ours.
    pub(crate) fn refusal(body: Bytes) -> Self {
        Self { body: Kind::Refusal { body: Full::new(body) } }
    }
}

impl<B: Body<Data = Bytes>> Body for RefusableBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().body.project() {
            KindProjection::Service { body } => body.poll_frame(cx),
            KindProjection::Refusal { body } => {
                body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(|never| match never {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Kind::Service { body } => body.is_end_stream(),
            Kind::Refusal { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Kind::Service { body } => body.size_hint(),
            Kind::Refusal { body } => body.size_hint(),
        }
    }
}

/// The form of a problem for this caller, determined before the request is passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Http,
    Grpc,
}

impl Form {
    /// Returns the form that a client with these headers reads.
    #[inline]
    pub(crate) fn of(request: &HeaderMap) -> Self {
        if is_grpc(request) { Self::Grpc } else { Self::Http }
    }

    /// Returns the refusal. Its extensions hold the problem, for a boundary further out.
    #[cold]
    pub(crate) fn refuse<B>(self, problem: Problem) -> Response<RefusableBody<B>> {
        let response = match self {
            Self::Http => problem.into_http(),
            Self::Grpc => {
                let mut response = problem.to_grpc();
                response.extensions_mut().insert(ReportedProblem::new(problem));
                response
            }
        };
        response.map(RefusableBody::refusal)
    }
}
