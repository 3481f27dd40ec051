//! The formats that the current request accepts, for a response that never sees the request.

use crate::request_local;
use http::{HeaderMap, HeaderValue, Method, header};
use smallvec::SmallVec;
use std::cell::RefCell;

thread_local! {
    /// The formats that the current request accepts.
    static WANTED: RefCell<Option<Wanted>> = const { RefCell::new(None) };
}

/// The lines of `Accept`, unparsed: most responses do not need them.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    lines: SmallVec<[HeaderValue; 1]>,
    safe: bool,
}

impl Wanted {
    #[inline]
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let mut lines = SmallVec::new();
        // One look at each name: cheaper than to hash one.
        for (name, line) in headers {
            if *name == header::ACCEPT && lines.len() < LINES {
                lines.push(line.clone());
            }
        }
        Self { lines, safe: matches!(*method, Method::GET | Method::HEAD) }
    }

    pub(super) fn lines(&self) -> &[HeaderValue] {
        &self.lines
    }

    /// Returns whether the method is safe, so that a refusal has no side effect.
    pub(super) const fn is_safe(&self) -> bool {
        self.safe
    }
}

/// Calls `run`, during which this is wanted.
#[inline]
pub(crate) fn during<T>(wanted: &mut Option<Wanted>, run: impl FnOnce() -> T) -> T {
    request_local::during(&WANTED, wanted, run)
}

/// Lines of `Accept` that are kept. One is what everybody sends.
const LINES: usize = 8;

/// Looks at what is wanted, where a layer has put it.
pub(super) fn current<R>(look: impl FnOnce(&Wanted) -> R) -> Option<R> {
    WANTED.with_borrow(|wanted| wanted.as_ref().map(look))
}
