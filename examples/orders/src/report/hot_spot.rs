//! As one finds it in a profile: each line is looked for among all things so far, with a copy of every name on the way.
//! Nothing about it is wrong but its cost, which is why it survives every review and every test.

use super::{MOST, Sold};
use crate::domain::NewOrder;

/// Counts of the orders read so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    sold: Vec<Sold>,
    rest: Option<Sold>,
}

impl Tally {
    /// Counts an order: for each line, time in the number of things so far.
    pub fn add(&mut self, order: &NewOrder) {
        for line in order.lines() {
            let found = self.sold.iter().position(|sold| sold.clone().sku == Some(line.sku.to_string()));
            let sold = match found {
                Some(at) => &mut self.sold[at],
                None if self.sold.len() < MOST => {
                    self.sold.push(Sold::nothing(Some(line.sku.to_string())));
                    self.sold.last_mut().expect("it was just put there")
                }
                None => self.rest.get_or_insert_with(|| Sold::nothing(None)),
            };
            sold.count(line);
        }
    }

    /// Returns the counts, sorted by name.
    pub fn sold(mut self) -> Vec<Sold> {
        self.sold.sort_by_key(|sold| sold.sku.clone());
        self.sold.extend(self.rest);
        self.sold
    }
}
