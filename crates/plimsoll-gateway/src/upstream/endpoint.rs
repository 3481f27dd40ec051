use crate::spec::Address;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One replica. Lives as long as any snapshot or pool knows it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Different for every endpoint of the process, the same for one that a reload keeps.
    pub(crate) id: u64,
    pub(crate) address: Address,
    checked: AtomicBool,
    healthy: AtomicBool,
}

impl Endpoint {
    /// Taken for healthy until a check says otherwise: a gateway that starts with its upstreams must serve.
    pub(crate) fn new(address: Address) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, address, checked: AtomicBool::new(false), healthy: AtomicBool::new(true) }
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Whether a health check has ever had a say.
    pub(crate) fn is_checked(&self) -> bool {
        self.checked.load(Ordering::Relaxed)
    }

    /// A health check's verdict. Gives what it was before.
    pub(crate) fn set_healthy(&self, healthy: bool) -> bool {
        self.checked.store(true, Ordering::Relaxed);
        self.healthy.swap(healthy, Ordering::Relaxed)
    }
}
