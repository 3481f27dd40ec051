//! What the machines cost, in steady state: nothing is built inside a measured loop.

mod breaker;

fn main() {
    divan::main();
}
