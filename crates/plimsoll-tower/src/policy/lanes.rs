//! Room for the attempts under way: two, in place.

use pin_project_lite::pin_project;
use plimsoll_policy::call::AttemptId;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    #[derive(Debug)]
    pub(super) struct Lane<F> {
        id: AttemptId,
        #[pin]
        future: F,
    }
}

pin_project! {
    /// The attempts under way. A call has at most two, and the second only while it is hedged.
    #[derive(Debug)]
    pub(super) struct Lanes<F> {
        #[pin]
        first: Option<Lane<F>>,
        #[pin]
        second: Option<Lane<F>>,
    }
}

impl<F> Lanes<F> {
    pub(super) const EMPTY: Self = Self { first: None, second: None };

    /// With this attempt under way, before anything is pinned.
    #[inline]
    pub(super) fn open_with(&mut self, id: AttemptId, future: F) {
        self.first = Some(Lane { id, future });
    }

    pub(super) fn open(self: Pin<&mut Self>, id: AttemptId, future: F) {
        let mut this = self.project();
        let lane = Some(Lane { id, future });
        if this.first.is_none() {
            this.first.set(lane);
        } else {
            debug_assert!(this.second.is_none(), "a call has at most two attempts under way");
            this.second.set(lane);
        }
    }

    pub(super) fn is_open(self: Pin<&Self>) -> bool {
        self.first.is_some() || self.second.is_some()
    }

    pub(super) fn close(self: Pin<&mut Self>, id: AttemptId) {
        let this = self.project();
        for mut lane in [this.first, this.second] {
            if lane.as_ref().as_pin_ref().is_some_and(|lane| lane.id == id) {
                lane.set(None);
            }
        }
    }

    pub(super) fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.first.set(None);
        this.second.set(None);
    }
}

impl<F: Future> Lanes<F> {
    /// Polls what is under way; an attempt that has ended leaves its lane.
    #[inline]
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(AttemptId, F::Output)> {
        let this = self.project();
        for mut lane in [this.first, this.second] {
            let Some(open) = lane.as_mut().as_pin_mut() else { continue };
            let open = open.project();
            if let Poll::Ready(output) = open.future.poll(cx) {
                let id = *open.id;
                lane.set(None);
                return Poll::Ready((id, output));
            }
        }
        Poll::Pending
    }
}
