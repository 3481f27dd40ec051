//! Notes on the current request, by the record for the services inside it and by these for the record.

use super::routes::Taken;
use crate::{boundary::RouteName, request_local};
use std::cell::RefCell;
use tokio::time::Instant;

thread_local! {
    /// The notes of the record that is at work on this thread.
    static AT_WORK: RefCell<Option<Notes>> = const { RefCell::new(None) };
}

/// The notes on one request.
#[derive(Debug)]
pub(super) struct Notes {
    began: Instant,
    /// Its route, as the innermost layer that knows it says.
    pub(super) taken: Option<Taken>,
}

impl Notes {
    /// The notes on a request that began then.
    pub(super) const fn new(began: Instant) -> Self {
        Self { began, taken: None }
    }
}

/// Calls `run`, during which notes are taken here.
#[inline]
pub(super) fn during<T>(notes: &mut Option<Notes>, run: impl FnOnce() -> T) -> T {
    request_local::during(&AT_WORK, notes, run)
}

/// Notes the route of the request at hand. Without a record around it, nobody asks.
#[inline]
pub(super) fn route(taken: impl FnOnce() -> Taken) {
    AT_WORK.with_borrow_mut(|notes| {
        if let Some(notes) = notes {
            notes.taken = Some(taken());
        }
    });
}

/// Returns when the request at hand began: now, without a record around it.
#[inline]
pub(super) fn began() -> Instant {
    let noted = AT_WORK.with_borrow(|notes| notes.as_ref().map(|notes| notes.began));
    noted.unwrap_or_else(Instant::now)
}

/// Returns the name of the route of the request at hand.
#[inline]
pub(super) fn route_name() -> RouteName {
    AT_WORK.with_borrow(|notes| {
        let taken = notes.as_ref().and_then(|notes| notes.taken.as_ref());
        taken.map_or(RouteName::Unknown, Taken::name)
    })
}
