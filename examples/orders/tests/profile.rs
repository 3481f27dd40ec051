//! The exercise with the profile, kept true: the hot spot costs what the page says it costs, and both say the same.
#![allow(missing_docs)]

use orders::{
    domain::{Cents, CustomerId, Line, NewOrder, Quantity, Sku},
    report::{hot_spot, tally},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATIONS: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// So many things, each ordered as often.
const THINGS: usize = 200;
const ROUNDS: usize = 10;

fn orders() -> Vec<NewOrder> {
    let order = |number: usize| {
        let sku = Sku::try_from(format!("SKU-{}", number % THINGS).as_str()).unwrap();
        let line =
            Line { sku, quantity: Quantity::try_from(1).unwrap(), unit: Cents::try_from(250).unwrap() };
        NewOrder::new(CustomerId::try_from("ann").unwrap(), vec![line]).unwrap()
    };
    (0..THINGS * ROUNDS).map(order).collect()
}

fn allocations<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let region = Region::new(ALLOCATIONS);
    let done = work();
    (region.change().allocations, done)
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn the_hot_spot_allocates_for_every_comparison_and_its_remedy_for_every_thing() {
    let orders = orders();
    let (slow, before) = allocations(|| {
        let mut tally = hot_spot::Tally::default();
        for order in &orders {
            tally.add(order);
        }
        tally
    });
    let (quick, after) = allocations(|| {
        let mut tally = tally::Tally::default();
        for order in &orders {
            tally.add(order);
        }
        tally
    });
    assert_eq!(before.sold(), after.sold());
    // Two names for each comparison, and on average half of the things are compared with each line.
    assert!(slow > THINGS * ROUNDS * THINGS / 2, "{slow} allocations");
    // Two names for each thing, and a table that grows a few times.
    assert!(quick < THINGS * 3, "{quick} allocations");
}
