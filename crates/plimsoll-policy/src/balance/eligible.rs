//! Which endpoints a pick may fall on.

/// The endpoints `0..total` without those that are not usable and those to avoid.
#[derive(Clone, Copy)]
pub(crate) struct Eligible<'a, F> {
    pub(crate) total: u32,
    pub(crate) avoid: &'a [u32],
    pub(crate) usable: F,
}

impl<F: Fn(u32) -> bool> Eligible<'_, F> {
    #[inline]
    pub(super) fn has(&self, endpoint: u32) -> bool {
        !self.avoid.contains(&endpoint) && (self.usable)(endpoint)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.total).filter(|endpoint| self.has(*endpoint))
    }

    pub(super) fn count(&self) -> u32 {
        self.iter().count() as u32
    }

    /// The `nth` of those left, from 0. Where fewer are left by now than were counted, the first.
    pub(super) fn nth(&self, nth: u32) -> Option<u32> {
        self.iter().nth(nth as usize).or_else(|| self.iter().next())
    }
}
