/// An endpoint that was picked: one more in flight there, until [`release`](super::Endpoints::release). Plain data, for
/// the [`Endpoints`](super::Endpoints) that made it; each is settled and released once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a pick that is not released counts as in flight for ever"]
pub struct Pick {
    pub(super) endpoint: u32,
}

impl Pick {
    /// Its index in the set.
    pub const fn endpoint(self) -> u32 {
        self.endpoint
    }
}
