//! The weights of a set, prepared for drawing and for taking turns.

use super::{Member, eligible::Eligible};

/// Weights, divided by their greatest common divisor, as stretches of `0..total`.
#[derive(Debug)]
pub(super) struct Weights {
    /// Where each endpoint's stretch ends.
    ends: Box<[u64]>,
    /// The mean weight divided by each endpoint's own: how much one more call weighs there.
    burdens: Box<[f64]>,
    stride: u64,
    equal: bool,
}

impl Weights {
    pub(super) fn new(members: &[Member<'_>]) -> Self {
        let weights = || members.iter().map(|member| u64::from(member.weight.get()));
        let divisor = weights().fold(0, greatest_common_divisor).max(1);
        let mut total = 0;
        let ends: Box<[u64]> = weights()
            .map(|weight| {
                total += weight / divisor;
                total
            })
            .collect();
        let mean = total as f64 / members.len().max(1) as f64;
        let burdens = weights().map(|weight| mean / (weight / divisor) as f64).collect();
        let equal = total == members.len() as u64;
        Self { ends, burdens, stride: if equal { 1 } else { stride(total) }, equal }
    }

    /// Returns whether all of them weigh the same.
    pub(super) const fn are_equal(&self) -> bool {
        self.equal
    }

    pub(super) fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn start(&self, endpoint: u32) -> u64 {
        endpoint.checked_sub(1).map_or(0, |before| self.ends[before as usize])
    }

    pub(super) fn get(&self, endpoint: u32) -> u64 {
        self.ends[endpoint as usize] - self.start(endpoint)
    }

    /// 1 for an endpoint of mean weight, less for a heavier one.
    pub(super) fn burden(&self, endpoint: u32) -> f64 {
        self.burdens[endpoint as usize]
    }

    /// Returns the endpoint whose stretch this position of `0..total` is in.
    pub(super) fn at(&self, position: u64) -> u32 {
        if self.equal {
            return position as u32;
        }
        self.ends.partition_point(|end| *end <= position) as u32
    }

    /// The same with one endpoint's stretch cut out: positions of `0..total - of(without)`.
    pub(super) fn at_without(&self, position: u64, without: u32) -> u32 {
        let start = self.start(without);
        self.at(if position < start { position } else { position + self.get(without) })
    }

    /// The endpoint of this turn. In every round of `total` turns each endpoint has as many as it weighs, and they are
    /// spread over the round: the step from one position to the next is near the golden section of the round, so that
    /// the gaps between an endpoint's turns have at most three lengths (Sós, 1958). No table and no state but the
    /// turn's number.
    pub(super) fn turn(&self, turn: u64) -> Option<u32> {
        let total = self.total();
        let position = turn.checked_rem(total)?;
        Some(self.at(position * self.stride % total))
    }

    /// Returns the sum of the eligible endpoints' weights.
    pub(super) fn sum(&self, eligible: &Eligible<'_, impl Fn(u32) -> bool>) -> u64 {
        eligible.iter().map(|endpoint| self.get(endpoint)).sum()
    }

    /// The eligible endpoint at this position of `0..sum`, passing over `without`. Where fewer are left by now than
    /// were summed, the first.
    pub(super) fn among(
        &self,
        eligible: &Eligible<'_, impl Fn(u32) -> bool>,
        mut position: u64,
        without: Option<u32>,
    ) -> Option<u32> {
        let mut others = eligible.iter().filter(|endpoint| Some(*endpoint) != without);
        let found = others.find(|endpoint| {
            let weight = self.get(*endpoint);
            let here = position < weight;
            position = position.saturating_sub(weight);
            here
        });
        found.or_else(|| eligible.iter().next())
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// How far from the golden section a step is looked for.
const NEAR: u64 = 24;

/// A step without a divisor in common with `total`, near its golden section, and badly approximated by fractions of
/// small denominators: after few turns, such a step would come back to where it began, and go on beside it.
fn stride(total: u64) -> u64 {
    // 0.618 in whole numbers: a rounding of floating point would be one more thing to agree on.
    let golden = total * 618 / 1000;
    let near = golden.saturating_sub(NEAR).max(1)..=(golden + NEAR).min(total.saturating_sub(1)).max(1);
    near.filter(|step| greatest_common_divisor(*step, total) == 1)
        .min_by_key(|step| (largest_quotient(total, *step), step.abs_diff(golden)))
        .unwrap_or(1)
}

/// The largest partial quotient of the continued fraction of `step / total`: all of them are 1 for the golden section.
fn largest_quotient(total: u64, step: u64) -> u64 {
    let (mut a, mut b, mut largest) = (total, step, 0);
    while b > 1 {
        largest = largest.max(a / b);
        (a, b) = (b, a % b);
    }
    // The last one, which could also be written as one less and a 1.
    largest.max(a.saturating_sub(1))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::balance::Weight;
    use proptest::prelude::*;

    fn of(weights: &[u16]) -> Weights {
        let member = |weight: &u16| Member::new("").weighing(Weight::new(*weight).unwrap());
        Weights::new(&weights.iter().map(member).collect::<Vec<_>>())
    }

    #[test]
    fn a_heavy_endpoint_is_spread_over_the_round() {
        let weights = of(&[50, 10, 10]);
        let round: Vec<_> = (0..7).map(|turn| weights.turn(turn).unwrap()).collect();
        assert_eq!(round, [0, 0, 0, 1, 0, 2, 0]);
        assert_eq!(of(&[7, 7, 7]).turn(4), Some(1), "equal weights go in order");
        assert_eq!(of(&[]).turn(0), None);
    }

    proptest! {
        #[test]
        fn each_round_gives_each_its_weight(weights in prop::collection::vec(1u16..=1000, 1..8), rounds in 1u64..3) {
            let prepared = of(&weights);
            let mut turns = vec![0; weights.len()];
            for turn in 0..prepared.total() * rounds {
                turns[prepared.turn(turn).unwrap() as usize] += 1;
            }
            for (endpoint, turns) in turns.into_iter().enumerate() {
                prop_assert_eq!(turns, prepared.get(endpoint as u32) * rounds);
            }
        }

        #[test]
        fn no_turn_is_awaited_for_much_longer_than_is_due(weights in prop::collection::vec(1u16..=20, 2..8)) {
            let prepared = of(&weights);
            let total = prepared.total();
            let mut last = vec![0; weights.len()];
            for turn in 0..total * 3 {
                let endpoint = prepared.turn(turn).unwrap();
                let gap = turn - last[endpoint as usize];
                last[endpoint as usize] = turn;
                prop_assert!(gap <= 3 * total.div_ceil(prepared.get(endpoint)), "{gap} turns of {total}");
            }
        }

        #[test]
        fn positions_cut_around_an_endpoint_never_fall_on_it(weights in prop::collection::vec(1u16..=9, 2..6), without in 0u32..6) {
            let prepared = of(&weights);
            let without = without % weights.len() as u32;
            let mut seen = vec![0; weights.len()];
            for position in 0..prepared.total() - prepared.get(without) {
                seen[prepared.at_without(position, without) as usize] += 1;
            }
            for (endpoint, seen) in (0..).zip(seen) {
                prop_assert_eq!(seen, if endpoint == without { 0 } else { prepared.get(endpoint) });
            }
        }
    }
}
