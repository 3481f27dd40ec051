use super::Machines;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use plimsoll_policy::{Observer, PolicySnapshot, PolicySpec};
use std::{fmt, sync::Arc};

/// The policy in force, shared by all clones of the layer.
pub(super) struct Shared<O> {
    pub(super) current: Arc<ArcSwap<Machines<O>>>,
    /// One revision at a time: each builds on the one before it.
    revising: Mutex<()>,
}

impl<O> Shared<O> {
    pub(super) fn new(machines: Machines<O>) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(machines)), revising: Mutex::new(()) }
    }
}

impl<O> fmt::Debug for Shared<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// A handle to inspect a policy's machines and to change their thresholds while they run.
pub struct PolicyHandle<O = ()> {
    shared: Arc<Shared<O>>,
}

impl<O> PolicyHandle<O> {
    pub(super) fn new(shared: Arc<Shared<O>>) -> Self {
        Self { shared }
    }

    /// Returns the machines in force: their breaker can be forced open or closed.
    pub fn policy(&self) -> Arc<Machines<O>> {
        self.shared.current.load_full()
    }
}

impl<O: Observer> PolicyHandle<O> {
    /// Returns the spec in force.
    pub fn spec(&self) -> PolicySpec {
        self.shared.current.load().spec().clone()
    }

    /// Puts another spec in force: machines that both have keep their state and take the new thresholds. Calls under
    /// way end under the policy they began with. Services see it with their next call.
    pub fn update(&self, spec: PolicySpec) {
        let _one_at_a_time = self.shared.revising.lock();
        let current = self.shared.current.load();
        let time = current.driver().time();
        let revised = current.revised(spec, time.now(), time.secret());
        self.shared.current.store(Arc::new(revised));
    }

    /// Returns a snapshot of every machine.
    pub fn snapshot(&self) -> PolicySnapshot {
        let current = self.shared.current.load();
        current.snapshot(current.driver().time().now())
    }
}

impl<O> Clone for PolicyHandle<O> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<O> fmt::Debug for PolicyHandle<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PolicyHandle")
    }
}
