//! The formats that the current request accepts, for a response that never sees the request.

use http::{HeaderMap, HeaderValue, Method, header};
use smallvec::SmallVec;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static WANTED: Wanted;
}

/// The lines of `Accept`, unparsed: most responses do not need them.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    lines: SmallVec<[HeaderValue; 1]>,
    safe: bool,
}

impl Wanted {
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            lines: headers.get_all(header::ACCEPT).iter().take(LINES).cloned().collect(),
            safe: matches!(*method, Method::GET | Method::HEAD),
        }
    }

    pub(super) fn lines(&self) -> &[HeaderValue] {
        &self.lines
    }

    /// Returns whether the method is safe, so that a refusal has no side effect.
    pub(super) const fn is_safe(&self) -> bool {
        self.safe
    }

    pub(super) fn scope<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        WANTED.scope(self, future)
    }
}

/// Lines of `Accept` that are kept. One is what everybody sends.
const LINES: usize = 8;

/// Looks at what is wanted, where a layer has put it.
pub(super) fn current<R>(look: impl FnOnce(&Wanted) -> R) -> Option<R> {
    WANTED.try_with(look).ok()
}
