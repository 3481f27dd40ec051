//! The cost of one decision, warm and in steady state: machines are built outside the loop, time is an argument.
//!
//! `cargo bench -p plimsoll-policy`, or `cargo xtask bench policy` for the figures that are claimed.

mod balance;
mod breaker;
mod flow;
mod rate;
mod retry;
mod shared;

#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}
