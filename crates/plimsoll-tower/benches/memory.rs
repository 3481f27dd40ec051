//! Reading what is swapped now and then: a policy's machines on each call. `cargo xtask bench memory` reads the pairs.

use arc_swap::{ArcSwap, Cache};
use divan::{AllocProfiler, Bencher};
use plimsoll_policy::PolicySpec;
use std::sync::{Arc, RwLock};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// As `PolicyService` reads its machines: one atomic load says that they are still the same.
mod swapped_settings {
    use super::{Arc, ArcSwap, Bencher, Cache, PolicySpec, RwLock};

    #[divan::bench(threads = [1, 2])]
    fn before(bencher: Bencher<'_, '_>) {
        let settings = RwLock::new(Arc::new(PolicySpec::default()));
        bencher.bench(|| Arc::clone(&settings.read().expect("never poisoned")).timeouts.total);
    }

    #[divan::bench(threads = [1, 2])]
    fn after(bencher: Bencher<'_, '_>) {
        let settings = Arc::new(ArcSwap::from_pointee(PolicySpec::default()));
        bencher
            .with_inputs(|| Cache::new(Arc::clone(&settings)))
            .bench_refs(|cache| cache.load().timeouts.total);
    }
}
