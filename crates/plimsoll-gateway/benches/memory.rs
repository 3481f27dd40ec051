//! Slabs and small vectors as the gateway uses them, each beside the plain way. `cargo xtask bench memory` reads the
//! pairs.

use divan::{AllocProfiler, Bencher, black_box};
use slab::Slab;
use smallvec::SmallVec;
use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Endpoints that a call has tried: almost always one.
mod small_vector_of_attempts {
    use super::{SmallVec, black_box};

    #[divan::bench(sample_size = 500)]
    fn before() -> Vec<u32> {
        let mut tried = black_box(Vec::new());
        tried.push(black_box(3));
        tried
    }

    #[divan::bench(sample_size = 500)]
    fn after() -> SmallVec<[u32; 4]> {
        let mut tried = black_box(SmallVec::new());
        tried.push(black_box(3));
        tried
    }
}

/// A stream that opens and closes among a hundred.
mod slab_of_streams {
    use super::{Bencher, HashMap, Rc, Slab, VecDeque};

    const OPEN: usize = 100;

    #[divan::bench(sample_size = 500)]
    fn before(bencher: Bencher<'_, '_>) {
        let mut next = 0_u64;
        let mut open: HashMap<u64, Rc<u64>> = HashMap::new();
        let stream = Rc::new(7);
        for _ in 0..OPEN {
            open.insert(next, Rc::clone(&stream));
            next += 1;
        }
        bencher.bench_local(|| {
            open.insert(next, Rc::clone(&stream));
            next += 1;
            open.remove(&(next - 50))
        });
    }

    #[divan::bench(sample_size = 500)]
    fn after(bencher: Bencher<'_, '_>) {
        let mut open: Slab<Rc<u64>> = Slab::new();
        let stream = Rc::new(7);
        let mut places: VecDeque<usize> = (0..OPEN).map(|_| open.insert(Rc::clone(&stream))).collect();
        bencher.bench_local(|| {
            places.push_back(open.insert(Rc::clone(&stream)));
            places.pop_front().map(|place| open.remove(place))
        });
    }
}
