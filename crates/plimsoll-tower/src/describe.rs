//! Facts that are read from a request before its call begins.

use crate::Key;
use plimsoll_policy::call::Facts;

/// A reader of the facts that the machines need to know about a request.
///
/// Of the [`Facts`], `replayable`, `hedgeable`, `rate_key` and `stages` are the layer's own business and are overwritten.
/// A deadline is an instant on [`crate::driver::now`]'s clock.
///
/// A closure will do, where there is no key: `|request: &Request| Facts { idempotent: true, ..Facts::default() }`.
pub trait Describe<Req> {
    /// Returns whether the request is safe to repeat, its deadline, its priority and its cohort.
    fn describe(&self, request: &Req) -> Facts;

    /// Returns the key that the request is counted under where machines count keys apart. All requests without a key
    /// share one machine.
    fn key<'r>(&self, request: &'r Req) -> Option<Key<'r>> {
        let _ = request;
        None
    }
}

/// A description without any knowledge: not safe to repeat, no deadline, normal priority. The default.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unknown;

impl<Req> Describe<Req> for Unknown {
    #[inline]
    fn describe(&self, _: &Req) -> Facts {
        Facts::default()
    }
}

/// A description of every request as idempotent, and otherwise like [`Unknown`].
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
