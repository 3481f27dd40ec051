use super::admission::Places;
use crate::{
    boundary::{BoundaryBody, BoxError},
    inbound::{
        TrailersBody,
        deadline::{DeadlineBody, DeadlineBodyError},
    },
};
use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// The body of a response of the app, or of a problem in its stead.
pub(in super::super) type GuardedBody = BoundaryBody<HeldBody>;

pin_project! {
    /// A body of the app's, until its deadline. With it goes its request's place in the limits.
    pub(in super::super) struct HeldBody {
        // Before the places: fields are dropped in this order.
        #[pin]
        body: DeadlineBody<TrailersBody<Body>>,
        places: Places,
    }
}

impl HeldBody {
    pub(super) const fn new(body: DeadlineBody<TrailersBody<Body>>, places: Places) -> Self {
        Self { body, places }
    }
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx).map_err(|error| match error {
            // As the app's body says it.
            DeadlineBodyError::Inner(error) => error.into(),
            DeadlineBodyError::Exceeded => error.into(),
        })
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
