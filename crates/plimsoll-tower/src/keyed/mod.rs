//! Machines for all calls together or for each key: by host, by tenant, by whatever [`Describe::key`] returns.
//!
//! A [`Registry`] of machines is bounded: at its limit a new key evicts the machine that was unused for longest, evictable
//! ones first (a closed breaker before an open one). A machine in use is never evicted; if all are in use, further keys
//! share one spare machine until there is room, and [`RegistrySnapshot::overflows`] counts them. Keys are compared by a
//! hash under a secret of this process.

mod entry;
mod registry;
mod shard;

pub use entry::MachineRef;
pub use registry::{KeyedMachine, Registry, RegistrySnapshot};

use crate::Describe;
use plimsoll_policy::Instant;
use std::{ops::Deref, sync::Arc};

/// A selection of the machine for a request.
pub trait Select<Req> {
    /// The type of the machines.
    type Machine;
    /// A handle to a machine, held for as long as the call needs it.
    type Handle: Deref<Target = Self::Machine>;

    /// Returns this request's machine.
    fn select(&self, request: &Req, now: Instant) -> Self::Handle;
}

/// A selection with one machine for all calls.
#[derive(Debug)]
pub struct One<M>(
    /// The machine.
    pub Arc<M>,
);

impl<M> Clone for One<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M, Req> Select<Req> for One<M> {
    type Machine = M;
    type Handle = Arc<M>;

    #[inline]
    fn select(&self, _: &Req, _: Instant) -> Arc<M> {
        Arc::clone(&self.0)
    }
}

/// A selection with one machine for each key. Requests without a key share one.
#[derive(Debug)]
pub struct ByKey<M: KeyedMachine, D> {
    registry: Arc<Registry<M>>,
    describe: D,
}

impl<M: KeyedMachine, D> ByKey<M, D> {
    /// A selection from `registry`, by the key that `describe` reads from a request.
    pub const fn new(registry: Arc<Registry<M>>, describe: D) -> Self {
        Self { registry, describe }
    }

    /// Returns the registry.
    pub const fn registry(&self) -> &Arc<Registry<M>> {
        &self.registry
    }
}

impl<M: KeyedMachine, D: Clone> Clone for ByKey<M, D> {
    fn clone(&self) -> Self {
        Self { registry: Arc::clone(&self.registry), describe: self.describe.clone() }
    }
}

impl<M: KeyedMachine, Req, D: Describe<Req>> Select<Req> for ByKey<M, D> {
    type Machine = M;
    type Handle = MachineRef<M>;

    #[inline]
    fn select(&self, request: &Req, now: Instant) -> MachineRef<M> {
        let key = self.describe.key(request);
        self.registry.get(key.as_ref().map_or(&[], |key| key.as_bytes()), now)
    }
}
