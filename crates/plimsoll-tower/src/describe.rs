//! What a request tells of itself before its call begins.

use crate::Key;
use plimsoll_policy::call::Facts;

/// Reads off a request what the machines want to know of it.
///
/// Of the [`Facts`], `replayable`, `hedgeable`, `rate_key` and `stages` are the layer's own business and are overwritten.
/// A deadline is an instant on [`crate::driver::now`]'s clock.
///
/// A closure will do, where there is no key: `|request: &Request| Facts { idempotent: true, ..Facts::default() }`.
pub trait Describe<Req> {
    /// Whether it is safe to repeat, until when it is wanted, how much it matters, and whose it is.
    fn describe(&self, request: &Req) -> Facts;

    /// What it is counted under, where machines count keys apart; without one it shares a machine with all others that
    /// have none.
    fn key<'r>(&self, request: &'r Req) -> Option<Key<'r>> {
        let _ = request;
        None
    }
}

/// Knows nothing: not safe to repeat, no deadline, normal priority. The default.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unknown;

impl<Req> Describe<Req> for Unknown {
    #[inline]
    fn describe(&self, _: &Req) -> Facts {
        Facts::default()
    }
}

/// Every request may be sent twice, and nothing else is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Idempotent;

impl<Req> Describe<Req> for Idempotent {
    #[inline]
    fn describe(&self, _: &Req) -> Facts {
        Facts { idempotent: true, ..Facts::default() }
    }
}

impl<Req, F: Fn(&Req) -> Facts> Describe<Req> for F {
    #[inline]
    fn describe(&self, request: &Req) -> Facts {
        self(request)
    }
}
