//! Slots for the attempts in flight: two, stored inline.

use pin_project_lite::pin_project;
use plimsoll_policy::call::AttemptId;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    #[derive(Debug)]
    struct Slot<F> {
        id: AttemptId,
        #[pin]
        future: F,
    }
}

pin_project! {
    /// The attempts in flight. A call has at most two, and the second only while it is hedged.
    #[derive(Debug)]
    pub struct AttemptSlots<F> {
        #[pin]
        first: Option<Slot<F>>,
        #[pin]
        second: Option<Slot<F>>,
    }
}

impl<F> Default for AttemptSlots<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> AttemptSlots<F> {
    /// Creates slots with no attempts in flight.
    // No constant: a copy of one would also write the room for the attempts.
    #[inline]
    pub const fn new() -> Self {
        Self { first: None, second: None }
    }

    /// Puts the first attempt in flight, before anything is pinned.
    #[inline]
    pub fn open_with(&mut self, id: AttemptId, future: F) {
        self.first = Some(Slot { id, future });
    }

    /// Returns the slot that the next attempt takes: 0 or 1.
    pub fn free(self: Pin<&Self>) -> usize {
        usize::from(self.first.is_some())
    }

    /// Puts an attempt in flight.
    pub fn open(self: Pin<&mut Self>, id: AttemptId, future: F) {
        let mut this = self.project();
        let slot = Some(Slot { id, future });
        if this.first.is_none() {
            this.first.set(slot);
        } else {
            debug_assert!(this.second.is_none(), "a call has at most two attempts in flight");
            this.second.set(slot);
        }
    }

    /// Returns whether any attempt is in flight.
    pub fn is_open(self: Pin<&Self>) -> bool {
        self.first.is_some() || self.second.is_some()
    }

    /// Returns the attempt in each slot.
    pub fn ids(self: Pin<&Self>) -> [Option<AttemptId>; 2] {
        let id = |slot: &Option<Slot<F>>| slot.as_ref().map(|slot| slot.id);
        [id(&self.first), id(&self.second)]
    }

    /// Drops an attempt, if it is in flight.
    pub fn close(self: Pin<&mut Self>, id: AttemptId) {
        let this = self.project();
        for mut slot in [this.first, this.second] {
            if slot.as_ref().as_pin_ref().is_some_and(|slot| slot.id == id) {
                slot.set(None);
            }
        }
    }

    /// Drops all attempts.
    pub fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.first.set(None);
        this.second.set(None);
    }
}

impl<F: Future> AttemptSlots<F> {
    /// Polls the attempts in flight; one that has ended leaves its slot.
    #[inline]
    pub fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(AttemptId, F::Output)> {
        let this = self.project();
        for mut slot in [this.first, this.second] {
            let Some(open) = slot.as_mut().as_pin_mut() else { continue };
            let open = open.project();
            if let Poll::Ready(output) = open.future.poll(cx) {
                let id = *open.id;
                slot.set(None);
                return Poll::Ready((id, output));
            }
        }
        Poll::Pending
    }
}
