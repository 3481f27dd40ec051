//! One look-up for each line, and a name copied once for each thing.

use super::{MOST, Sold};
use crate::domain::{Line, NewOrder, Sku};
use std::collections::HashMap;

/// Counts of the orders read so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    by_sku: HashMap<Sku, Sold>,
    rest: Option<Sold>,
}

impl Tally {
    /// Counts an order: constant time for each line.
    pub fn add(&mut self, order: &NewOrder) {
        for line in order.lines() {
            let full = self.by_sku.len() >= MOST;
            let sold = match self.by_sku.get_mut(&line.sku) {
                Some(sold) => sold,
                None if !full => {
                    let named = Sold::nothing(Some(line.sku.to_string()));
                    self.by_sku.entry(line.sku.clone()).or_insert(named)
                }
                None => self.rest.get_or_insert_with(|| Sold::nothing(None)),
            };
            sold.count(line);
        }
    }

    /// Returns the counts, sorted by name.
    pub fn sold(self) -> Vec<Sold> {
        let mut sold: Vec<Sold> = self.by_sku.into_values().collect();
        sold.sort_unstable_by(|one, other| one.sku.cmp(&other.sku));
        sold.extend(self.rest);
        sold
    }
}

impl Sold {
    pub(super) const fn nothing(sku: Option<String>) -> Self {
        Self { sku, lines: 0, quantity: 0, cents: 0 }
    }

    pub(super) fn count(&mut self, line: &Line) {
        self.lines += 1;
        self.quantity += u64::from(line.quantity.number());
        self.cents += line.unit.number() * i64::from(line.quantity.number());
    }
}
