//! The report of units sold by SKU. Written twice: [`tally`] as it should be, [`hot_spot`] as one finds it in a profile. The
//! feature `hot-spot` decides which of them the service runs; both are always built, and tested against each other.

pub mod hot_spot;
pub mod tally;

use serde::{Deserialize, Serialize};

#[cfg(feature = "hot-spot")]
pub use hot_spot::Tally;
#[cfg(not(feature = "hot-spot"))]
pub use tally::Tally;

/// Things that are told apart; what comes after is summed up under no name.
const MOST: usize = 10_000;

/// Units sold of one SKU.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sold {
    /// The SKU; absent for the rest, which is counted together.
    pub sku: Option<String>,
    /// In so many lines of orders.
    pub lines: u64,
    /// So many of it.
    pub quantity: u64,
    /// For so much, in hundredths.
    pub cents: i64,
}

#[cfg(test)]
mod tests {
    use super::{hot_spot, tally};
    use crate::domain::{Cents, CustomerId, Line, NewOrder, Quantity, Sku};

    fn order(number: u32) -> NewOrder {
        let line = |sku: u32| Line {
            sku: Sku::try_from(format!("SKU-{}", sku % 37).as_str()).unwrap(),
            quantity: Quantity::try_from(1 + sku % 5).unwrap(),
            unit: Cents::try_from(i64::from(sku % 1_000)).unwrap(),
        };
        NewOrder::new(CustomerId::try_from("ann").unwrap(), vec![line(number), line(number * 7)]).unwrap()
    }

    #[test]
    fn the_quick_one_and_the_slow_one_say_the_same() {
        let (mut quick, mut slow) = (tally::Tally::default(), hot_spot::Tally::default());
        for number in 0..200 {
            quick.add(&order(number));
            slow.add(&order(number));
        }
        let sold = quick.sold();
        assert_eq!(sold.len(), 37);
        assert_eq!(sold.iter().map(|each| each.lines).sum::<u64>(), 400);
        assert_eq!(sold, slow.sold());
    }
}
