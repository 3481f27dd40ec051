//! The cost of structured concurrency, beside tokio's own.
//!
//! `cargo bench -p plimsoll-task`, or `cargo xtask bench task` for the figures that are claimed.
//!
//! One runtime for all iterations of a bench; `_two` has two workers, the others run on the bench's own thread.

mod scope;

#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// A runtime that runs everything on the thread that blocks on it.
fn one() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// A runtime with two workers besides the thread that blocks on it.
fn two() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}
