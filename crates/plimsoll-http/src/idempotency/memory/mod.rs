//! A store in the memory of one process.

mod table;

use super::{Begun, Completed, Fingerprint, Lease, Outcome, ScopedKey, Store};
use crate::{Kind, Problem};
use parking_lot::{Mutex, MutexGuard};
use std::{fmt, time::Duration};
use table::Table;
use tokio::time::Instant;

/// A store in the memory of one process, lost with it.
///
/// It is bounded by entries and bytes. No key is forgotten before its time: expired ones make room, and without room
/// new keys are refused with 503 `overloaded`. Of a response without room only the fact is stored.
///
/// One [scope](super::IdempotencyLayer::scope) takes at most a quarter of both ([`share`](Self::share)), so that no
/// client fills the store: a new key beyond that is refused with 429 `rate-limited`. Keys without a scope may take all.
///
/// Every operation takes O(log n) under one lock that is never held across an await, and O(1) more for every expired
/// entry. All methods are cancel safe.
///
/// ```
/// # use plimsoll_http::idempotency::{IdempotencyLayer, MemoryStore};
/// let layer = IdempotencyLayer::new(MemoryStore::new(10_000, 64 << 20)).required();
/// # let _ = layer;
/// ```
pub struct MemoryStore {
    table: Mutex<Table>,
}

/// There is no room for another key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryStoreError {
    /// The store is full.
    #[error("the store of idempotency keys is full")]
    Store,
    /// The scope's share is full.
    #[error("this client's share of the store of idempotency keys is full")]
    Share,
}

impl From<MemoryStoreError> for Problem {
    fn from(full: MemoryStoreError) -> Self {
        match full {
            MemoryStoreError::Store => Self::new(Kind::Overloaded).after(Duration::from_secs(1)),
            MemoryStoreError::Share => {
                Self::new(Kind::RateLimited).code("idempotency-keys").detail(full.to_string())
            }
        }
    }
}

impl MemoryStore {
    /// Creates a store of at most so many keys, with at most so many bytes of responses in all.
    pub fn new(entries: usize, bytes: usize) -> Self {
        Self { table: Mutex::new(Table::new(entries, bytes)) }
    }

    /// Sets the share of one scope: the most keys, and the most bytes of responses.
    #[must_use]
    pub fn share(self, entries: usize, bytes: usize) -> Self {
        self.table().set_share(entries, bytes);
        self
    }

    /// Returns the number of keys, including expired ones that were not removed yet.
    pub fn len(&self) -> usize {
        self.table().len()
    }

    /// Returns whether it has no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes of the stored responses.
    pub fn bytes(&self) -> usize {
        self.table().bytes()
    }

    /// No operation can panic with the table half-changed.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }
}

impl Store for MemoryStore {
    type Error = MemoryStoreError;

    async fn begin(
        &self,
        key: ScopedKey,
        fingerprint: Fingerprint,
        lease: Duration,
        keep: Duration,
    ) -> Result<Begun, MemoryStoreError> {
        self.table().begin(Instant::now(), key, fingerprint, lease, keep)
    }

    async fn complete(
        &self,
        lease: &Lease,
        outcome: &Outcome,
        keep: Duration,
    ) -> Result<Completed, MemoryStoreError> {
        Ok(self.table().complete(Instant::now(), lease, outcome, keep))
    }

    async fn release(&self, lease: &Lease) -> Result<(), MemoryStoreError> {
        self.table().release(lease);
        Ok(())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, bytes) = (self.len(), self.bytes());
        f.debug_struct("MemoryStore")
            .field("entries", &entries)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}
