use super::{Cents, Currency, CustomerId, Delivery, Note, Open, OrderId, Reference, Sku, Status, ValueError};

/// How many of a thing: 1 to 10,000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Quantity(u32);

impl Quantity {
    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Quantity {
    type Error = ValueError;

    fn try_from(number: u32) -> Result<Self, ValueError> {
        if (1..=10_000).contains(&number) {
            Ok(Self(number))
        } else {
            Err(ValueError::new("quantity", "a number from 1 to 10000"))
        }
    }
}

/// So many of one thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The article.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
    /// The price of one.
    pub unit: Cents,
}

/// An order that may be taken: every value is checked, there is something in it, and its sum is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewOrder {
    customer: CustomerId,
    lines: Vec<Line>,
    total: Cents,
    /// The customer's own name for it.
    pub reference: Option<Reference>,
    /// The currency of the prices.
    pub currency: Currency,
    /// How it is brought.
    pub delivery: Open<Delivery>,
    /// For whoever packs it.
    pub note: Option<Note>,
}

impl NewOrder {
    /// Lines of an order at most.
    const MOST_LINES: usize = 100;

    /// An order of these lines, by post and in euro.
    ///
    /// # Errors
    /// Unless there are 1 to 100 lines, whose sum is an amount.
    pub fn new(customer: CustomerId, lines: Vec<Line>) -> Result<Self, ValueError> {
        if !(1..=Self::MOST_LINES).contains(&lines.len()) {
            return Err(ValueError::new("lines", "1 to 100 lines"));
        }
        let total = lines
            .iter()
            .try_fold(Cents::default(), |sum, line| sum.plus(line.unit.times(line.quantity.number())?))?;
        Ok(Self {
            customer,
            lines,
            total,
            reference: None,
            currency: Currency::default(),
            delivery: Open::Known(Delivery::Post),
            note: None,
        })
    }

    /// Returns the customer.
    pub const fn customer(&self) -> &CustomerId {
        &self.customer
    }

    /// Returns the lines; never empty.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The sum of all lines.
    pub const fn total(&self) -> Cents {
        self.total
    }
}

/// An order that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Its number.
    pub id: OrderId,
    /// How far it has come.
    pub status: Open<Status>,
    /// The payment service's id of the payment.
    pub payment: Option<String>,
    /// When, in UTC, as RFC 3339 writes it.
    pub placed_at: String,
    /// The order as it was placed.
    pub ordered: NewOrder,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: u32, cents: i64) -> Line {
        Line {
            sku: Sku::try_from("ROPE").unwrap(),
            quantity: Quantity::try_from(quantity).unwrap(),
            unit: Cents::try_from(cents).unwrap(),
        }
    }

    #[test]
    fn the_sum_is_of_all_lines() {
        let customer = CustomerId::try_from("ann").unwrap();
        assert_eq!(NewOrder::new(customer, vec![line(2, 150), line(1, 99)]).unwrap().total().number(), 399);
    }

    #[test]
    fn nothing_is_no_order_nor_is_too_much() {
        let new = |lines| NewOrder::new(CustomerId::try_from("ann").unwrap(), lines);
        assert!(new(Vec::new()).is_err());
        assert!(new(vec![line(1, 1); 101]).is_err());
        assert!(new(vec![line(10_000, 100_000_000)]).is_err());
    }
}
