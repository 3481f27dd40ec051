//! The numbers in flight and waiting and the limit, in one word, so that they are always consistent.

/// 24 bits for the number in flight, and for its limit.
pub(super) const MAX_IN_FLIGHT: u32 = (1 << 24) - 1;
/// 16 bits of what waits.
pub(super) const MAX_WAITING: u32 = (1 << 16) - 1;

const WAITING_AT: u32 = 24;
const LIMIT_AT: u32 = 40;

/// The state of a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(pub(super) u64);

impl Word {
    pub(super) fn new(limit: u32) -> Self {
        Self(0).limited_to(limit)
    }

    #[inline(always)]
    pub(super) const fn in_flight(self) -> u32 {
        self.0 as u32 & MAX_IN_FLIGHT
    }

    #[inline(always)]
    pub(super) const fn waiting(self) -> u32 {
        (self.0 >> WAITING_AT) as u32 & MAX_WAITING
    }

    #[inline(always)]
    pub(super) const fn limit(self) -> u32 {
        (self.0 >> LIMIT_AT) as u32
    }

    /// Returns whether a new call may go ahead: a permit is free and no waiter comes first.
    #[inline(always)]
    pub(super) const fn open(self) -> bool {
        self.waiting() == 0 && self.has_place()
    }

    #[inline(always)]
    pub(super) const fn has_place(self) -> bool {
        self.in_flight() < self.limit()
    }

    /// Only where there is a permit: the limit keeps the field from overflowing.
    #[inline(always)]
    pub(super) const fn one_in(self) -> Self {
        Self(self.0 + 1)
    }

    /// Saturates: a permit settled twice must not borrow from the neighbouring field.
    #[inline(always)]
    pub(super) const fn one_out(self) -> Self {
        if self.in_flight() == 0 { self } else { Self(self.0 - 1) }
    }

    /// Only below [`MAX_WAITING`].
    pub(super) const fn one_queued(self) -> Self {
        Self(self.0 + (1 << WAITING_AT))
    }

    /// Only where somebody waits.
    pub(super) const fn one_unqueued(self) -> Self {
        Self(self.0 - (1 << WAITING_AT))
    }

    pub(super) fn limited_to(self, limit: u32) -> Self {
        let rest = self.0 & ((1 << LIMIT_AT) - 1);
        Self(rest | u64::from(limit.min(MAX_IN_FLIGHT)) << LIMIT_AT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_one_another() {
        let full = Word::new(u32::MAX);
        assert_eq!((full.in_flight(), full.waiting(), full.limit()), (0, 0, MAX_IN_FLIGHT));
        let word = full.one_in().one_queued().one_queued().limited_to(7);
        assert_eq!((word.in_flight(), word.waiting(), word.limit()), (1, 2, 7));
        let word = word.one_out().one_out().one_unqueued();
        assert_eq!((word.in_flight(), word.waiting(), word.limit()), (0, 1, 7));
        assert!(word.has_place() && !word.open());
    }
}
