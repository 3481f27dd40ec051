//! One machine for all calls, or one for each key: by host, by tenant, by whatever [`Describe::key`] says.
//!
//! A [`Registry`] of machines is bounded: at its limit a new key takes the place of the one that has been left alone for
//! longest, those at rest first (a closed breaker says less than an open one). A machine that a call is using is never
//! taken away; where all are in use, further keys share one spare machine until there is room, and
//! [`RegistrySnapshot::overflows`] counts them. Keys are known by a hash under a secret of this process.

mod entry;
mod registry;
mod shard;

pub use entry::Lease;
pub use registry::{Registry, RegistrySnapshot, Resident};

use crate::Describe;
use plimsoll_policy::Instant;
use std::{ops::Deref, sync::Arc};

/// Which machine a request is for.
pub trait Select<Req> {
    /// The machines.
    type Machine;
    /// The machine, held for as long as the call needs it.
    type Held: Deref<Target = Self::Machine>;

    /// This request's machine.
    fn select(&self, request: &Req, now: Instant) -> Self::Held;
}

/// One machine for all calls.
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
    type Held = Arc<M>;

    #[inline]
    fn select(&self, _: &Req, _: Instant) -> Arc<M> {
        Arc::clone(&self.0)
    }
}

/// A machine for each key. Requests without a key share one among themselves.
#[derive(Debug)]
pub struct ByKey<M: Resident, D> {
    registry: Arc<Registry<M>>,
    describe: D,
}

impl<M: Resident, D> ByKey<M, D> {
    /// Machines of `registry`, by the key that `describe` reads off a request.
    pub const fn new(registry: Arc<Registry<M>>, describe: D) -> Self {
        Self { registry, describe }
    }

    /// The machines.
    pub const fn registry(&self) -> &Arc<Registry<M>> {
        &self.registry
    }
}

impl<M: Resident, D: Clone> Clone for ByKey<M, D> {
    fn clone(&self) -> Self {
        Self { registry: Arc::clone(&self.registry), describe: self.describe.clone() }
    }
}

impl<M: Resident, Req, D: Describe<Req>> Select<Req> for ByKey<M, D> {
    type Machine = M;
    type Held = Lease<M>;

    #[inline]
    fn select(&self, request: &Req, now: Instant) -> Lease<M> {
        let key = self.describe.key(request);
        self.registry.lease(key.as_ref().map_or(&[], |key| key.as_bytes()), now)
    }
}
