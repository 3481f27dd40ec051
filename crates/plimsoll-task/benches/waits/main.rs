//! Measured locks and queues beside tokio's own, while nobody waits. Each bench has its twin with `tokio_` before its
//! name.

mod lock;
mod queue;

fn main() {
    divan::main();
}

/// A thousand rounds inside of one task, as they are in a service: with a task's number and its budget.
fn in_a_task<F: Future<Output = ()> + Send + 'static>(
    bencher: divan::Bencher<'_, '_>,
    rounds: impl Fn() -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    bencher
        .counter(divan::counter::ItemsCount::new(ROUNDS))
        .bench_local(|| runtime.block_on(runtime.spawn(rounds())).expect("no panic"));
}

const ROUNDS: u32 = 1000;
