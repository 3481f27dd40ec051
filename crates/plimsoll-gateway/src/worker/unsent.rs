//! Bytes of responses that a worker holds for HTTP/2 clients that have not taken them.

use plimsoll::policy::Instant;
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    fmt,
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
    connections: RefCell<Slab<Weak<dyn ClientConnection>>>,
    looked: Cell<Option<Instant>>,
}

/// A client's connection, seen by those that look for memory.
pub(super) trait ClientConnection: fmt::Debug {
    /// Bytes that are held for it.
    fn unsent(&self) -> u64;

    /// Whether the client has had something to take since this was last asked, and has taken nothing.
    fn has_stood_since_last_asked(&self) -> bool;

    /// Has the connection closed.
    fn close(&self);
}

/// The entry of a connection among those that may be closed, until this is dropped.
#[derive(Debug)]
pub(super) struct UnsentEntry {
    unsent: Rc<Unsent>,
    index: usize,
}

impl Drop for UnsentEntry {
    fn drop(&mut self) {
        self.unsent.connections.borrow_mut().remove(self.index);
    }
}

impl Unsent {
    /// How much may be held from now on.
    pub(super) fn set_limit(&self, limit: u64) {
        self.limit.set(limit);
    }

    /// Enters a connection.
    pub(super) fn enter(self: &Rc<Self>, connection: Weak<dyn ClientConnection>) -> UnsentEntry {
        let index = self.connections.borrow_mut().insert(connection);
        UnsentEntry { unsent: Rc::clone(self), index }
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
        let connections: Vec<Rc<dyn ClientConnection>> =
            self.connections.borrow().iter().filter_map(|(_, connection)| connection.upgrade()).collect();
        let mut still: Vec<_> =
            connections.iter().filter(|connection| connection.has_stood_since_last_asked()).collect();
        still.sort_unstable_by_key(|connection| Reverse(connection.unsent()));
        let mut over = self.held.get().saturating_sub(self.limit.get());
        for connection in still {
            if over == 0 {
                return;
            }
            over = over.saturating_sub(connection.unsent());
            connection.close();
        }
    }
}
