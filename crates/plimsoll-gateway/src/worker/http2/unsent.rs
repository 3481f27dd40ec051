//! Bytes of responses that a worker holds for HTTP/2 clients that have not taken them.

use super::streams::Streams;
use plimsoll::policy::Instant;
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::Duration,
};

/// How long a connection must have taken nothing before it may be closed for the sake of memory.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes held on all connections, and which of them to close where that is too much.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    held: Cell<u64>,
    limit: Cell<u64>,
    connections: RefCell<Slab<Weak<Streams>>>,
    looked: Cell<Option<Instant>>,
}

/// A connection's place among those that may be closed, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    unsent: Rc<Unsent>,
    at: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.unsent.connections.borrow_mut().remove(self.at);
    }
}

impl Unsent {
    /// How much may be held from now on.
    pub(super) fn set_limit(&self, limit: u64) {
        self.limit.set(limit);
    }

    /// Enters a connection.
    pub(super) fn enter(self: &Rc<Self>, streams: &Rc<Streams>) -> Place {
        let at = self.connections.borrow_mut().insert(Rc::downgrade(streams));
        Place { unsent: Rc::clone(self), at }
    }

    pub(super) fn hold(&self, bytes: u64) {
        self.held.set(self.held.get() + bytes);
    }

    pub(super) fn release(&self, bytes: u64) {
        self.held.set(self.held.get() - bytes);
    }

    /// Whether more is held than may be.
    pub(super) fn is_over(&self) -> bool {
        self.held.get() > self.limit.get()
    }

    /// Closes connections that have taken nothing since a look before, those that hold most first, until no more is held
    /// than may be.
    pub(super) fn relieve(&self, now: Instant) {
        if self.looked.get().is_some_and(|looked| now < looked + PAUSE) {
            return;
        }
        self.looked.set(Some(now));
        let connections: Vec<Rc<Streams>> =
            self.connections.borrow().iter().filter_map(|(_, streams)| streams.upgrade()).collect();
        let mut still: Vec<_> =
            connections.iter().filter(|streams| streams.has_stood_since_last_asked()).collect();
        still.sort_unstable_by_key(|streams| std::cmp::Reverse(streams.unsent()));
        let mut over = self.held.get().saturating_sub(self.limit.get());
        for streams in still {
            if over == 0 {
                return;
            }
            over = over.saturating_sub(streams.unsent());
            streams.close();
        }
    }
}
