use crate::{
    metrics::EndpointMetrics,
    spec::{Address, Name},
};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a replica is, and what its connections and checks are known by. Lives as long as any snapshot or pool knows it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Different for every endpoint of the process, the same for one that a reload keeps.
    pub(crate) id: u64,
    pub(crate) address: Address,
    /// The upstream that it is a replica of.
    pub(crate) upstream: Name,
    pub(crate) metrics: EndpointMetrics,
}

impl Endpoint {
    pub(crate) fn new(upstream: Name, address: Address, metrics: EndpointMetrics) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), address, upstream, metrics }
    }
}
