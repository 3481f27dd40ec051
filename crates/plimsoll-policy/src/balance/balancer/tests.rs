use super::*;
use crate::{Failure, balance::LOAD_BOUND};
use proptest::prelude::*;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn hash() -> Balance {
    Balance::HashHeader("x-user".into())
}

fn every_balance() -> impl Strategy<Value = Balance> {
    prop_oneof![
        Just(Balance::PeakEwma),
        Just(Balance::RoundRobin),
        Just(Balance::LeastInFlight),
        Just(hash()),
    ]
}

/// Draws that do not follow from one another by splitting: a balancer splits what it is given.
fn draws(seed: u64) -> impl Iterator<Item = Draw> {
    (0..).map(move |step: u64| Draw::new(Draw::new(step).split().bits() ^ seed).split())
}

fn key(draw: Draw) -> KeyHash {
    KeyHash(!draw.bits())
}

/// Picks and ends at once.
fn place(balancer: &Balancer, draw: Draw, usable: impl Fn(u32) -> bool) -> Option<u32> {
    let pick = balancer.pick(NOW, draw, Some(key(draw)), &[], usable)?;
    balancer.settle(pick, NOW, Outcome::Cancelled, Duration::ZERO);
    Some(pick.endpoint())
}

fn shares(balancer: &Balancer, picks: usize, usable: impl Fn(u32) -> bool + Copy) -> Vec<usize> {
    let mut shares = vec![0; balancer.len() as usize];
    for draw in draws(11).take(picks) {
        shares[place(balancer, draw, usable).unwrap() as usize] += 1;
    }
    shares
}

#[test]
fn quiet_endpoints_share_alike() {
    for balance in [Balance::PeakEwma, Balance::LeastInFlight, hash()] {
        let balancer = Balancer::new(balance.clone(), 5);
        for (endpoint, share) in shares(&balancer, 50_000, |endpoint| endpoint != 2).into_iter().enumerate() {
            let expected = if endpoint == 2 { 0..1 } else { 12_000..13_000 };
            assert!(expected.contains(&share), "{balance:?}: {share} to {endpoint}");
        }
    }
}

#[test]
fn least_in_flight_levels_out() {
    let balancer = Balancer::new(Balance::LeastInFlight, 4);
    for draw in draws(1).take(40) {
        let _ = balancer.pick(NOW, draw, None, &[], |_| true).unwrap();
    }
    assert!(balancer.snapshot(NOW).all(|load| load.in_flight == 10));
}

#[test]
fn the_slow_endpoint_gets_the_least() {
    let balancer = Balancer::new(Balance::PeakEwma, 3);
    let mut shares = [0; 3];
    for (step, draw) in draws(2).take(3000).enumerate() {
        let now = NOW + Duration::from_millis(step as u64 * 2);
        let pick = balancer.pick(now, draw, None, &[], |_| true).unwrap();
        let took = if pick.endpoint() == 1 { 200 } else { 10 };
        shares[pick.endpoint() as usize] += 1;
        balancer.settle(pick, now, Outcome::Success, Duration::from_millis(took));
    }
    assert!(shares[1] < 30 && shares[0] > 1000 && shares[2] > 1000, "{shares:?}");
}

#[test]
fn a_host_that_fails_at_once_is_no_black_hole() {
    // Two good hosts with a call each in flight, one that refuses in no time: it wins every pair it is in.
    let balancer = Balancer::new(Balance::PeakEwma, 3);
    for endpoint in [0, 1, 2] {
        let pick = balancer.pick(NOW, Draw::new(0), None, &[], |it| it == endpoint).unwrap();
        balancer.settle(pick, NOW, Outcome::Success, Duration::from_millis(10));
    }
    for endpoint in [0, 1] {
        let _ = balancer.pick(NOW, Draw::new(0), None, &[], |it| it == endpoint).unwrap();
    }
    let mut failing = 0;
    for draw in draws(3).take(3000) {
        let pick = balancer.pick(NOW, draw, None, &[], |_| true).unwrap();
        failing += u32::from(pick.endpoint() == 2);
        let outcome =
            if pick.endpoint() == 2 { Outcome::Failure(Failure::Connect) } else { Outcome::Success };
        balancer.settle(pick, NOW, outcome, Duration::from_millis(if pick.endpoint() == 2 { 0 } else { 10 }));
    }
    assert!((1850..2150).contains(&failing), "two thirds at most: {failing}");
}

#[test]
fn a_newcomer_is_neither_starved_nor_flooded() {
    let old = Balancer::new(Balance::PeakEwma, 2);
    for endpoint in [0, 1] {
        let pick = old.pick(NOW, Draw::new(0), None, &[], |it| it == endpoint).unwrap();
        old.settle(pick, NOW, Outcome::Success, Duration::from_millis(1));
        for _ in 0..10 {
            let _ = old.pick(NOW, Draw::new(0), None, &[], |it| it == endpoint).unwrap();
        }
    }
    let balancer = old.carried(Balance::PeakEwma, &[Some(0), Some(1), None]);
    for draw in draws(4).take(60) {
        let _ = balancer.pick(NOW, draw, None, &[], |_| true).unwrap();
    }
    let newcomer = balancer.snapshot(NOW).last().unwrap().in_flight;
    assert!((20..=32).contains(&newcomer), "{newcomer} of 80");
}

#[test]
fn what_is_in_flight_at_a_change_of_the_set_ends_in_both() {
    let old = Balancer::new(Balance::LeastInFlight, 2);
    let pick = old.pick(NOW, Draw::new(0), None, &[0], |_| true).unwrap();
    assert_eq!(pick.endpoint(), 1);
    let new = old.carried(Balance::LeastInFlight, &[None, None, Some(1), Some(9)]);
    let in_flight = || new.snapshot(NOW).map(|load| load.in_flight).collect::<Vec<_>>();
    assert_eq!(in_flight(), [0, 0, 1, 0]);
    old.settle(pick, NOW, Outcome::Success, Duration::from_millis(5));
    assert_eq!(in_flight(), [0, 0, 0, 0]);
    assert_eq!(new.snapshot(NOW).nth(2).unwrap().latency, Some(Duration::from_millis(5)));
}

#[test]
fn a_new_endpoint_takes_its_share_of_keys_and_moves_no_other() {
    let old = Balancer::new(hash(), 9);
    let from: Vec<_> = (0..9).map(Some).chain([None]).collect();
    let new = old.carried(hash(), &from);
    let mut moved = 0;
    for draw in draws(5).take(20_000) {
        let (before, after) = (place(&old, draw, |_| true), place(&new, draw, |_| true));
        if before != after {
            assert_eq!(after, Some(9));
            moved += 1;
        }
    }
    assert!((1800..2200).contains(&moved), "{moved} of 20000, not a tenth");
}

#[test]
fn an_empty_set_has_nothing_to_pick() {
    for balance in [Balance::PeakEwma, Balance::RoundRobin, Balance::LeastInFlight, hash()] {
        let balancer = Balancer::new(balance, 0);
        assert!(balancer.is_empty());
        assert_eq!(balancer.pick(NOW, Draw::new(0), None, &[], |_| true), None);
    }
}

proptest! {
    #[test]
    fn an_unusable_endpoint_is_never_picked(
        balance in every_balance(), usable in prop::collection::vec(any::<bool>(), 0..12),
        avoid in prop::collection::vec(0u32..12, 0..4), bits: u64,
    ) {
        let balancer = Balancer::new(balance, usable.len() as u32);
        for draw in draws(bits).take(40) {
            let pick = balancer.pick(NOW, draw, Some(key(draw)), &avoid, |endpoint| usable[endpoint as usize]);
            match pick {
                None => prop_assert!(!usable.contains(&true)),
                Some(pick) => {
                    prop_assert!(usable[pick.endpoint() as usize]);
                    let other = (0..).zip(&usable).any(|(index, usable)| *usable && !avoid.contains(&index));
                    prop_assert!(!other || !avoid.contains(&pick.endpoint()));
                }
            }
        }
    }

    #[test]
    fn round_robin_is_fair_to_those_that_are_left(usable in prop::collection::vec(any::<bool>(), 1..9), rounds in 1usize..4) {
        let left = usable.iter().filter(|usable| **usable).count();
        prop_assume!(left > 0);
        let balancer = Balancer::new(Balance::RoundRobin, usable.len() as u32);
        // After as many rounds as there are endpoints left, every turn given away has gone round as well.
        let picks = rounds * usable.len() * left;
        let shares = shares(&balancer, picks, |endpoint| usable[endpoint as usize]);
        for (share, usable) in shares.into_iter().zip(&usable) {
            prop_assert_eq!(share, if *usable { picks / left } else { 0 });
        }
    }

    /// Few keys, so that without the bound one endpoint would have nearly everything.
    #[test]
    fn no_endpoint_goes_over_the_bound(
        endpoints in 1u32..12, gone in 0u32..12, keys in 1u64..4, steps in prop::collection::vec(any::<u64>(), 1..200),
    ) {
        let balancer = Balancer::new(hash(), endpoints);
        let usable = |endpoint: u32| endpoints == 1 || endpoint != gone;
        let left = (0..endpoints).filter(|endpoint| usable(*endpoint)).count();
        let mut held: Vec<Pick> = vec![];
        for bits in steps {
            if bits % 5 == 0 && !held.is_empty() {
                let pick = held.swap_remove((bits / 5) as usize % held.len());
                balancer.settle(pick, NOW, Outcome::Success, Duration::ZERO);
                continue;
            }
            let pick = balancer.pick(NOW, Draw::new(bits), Some(KeyHash(bits % keys)), &[], usable).unwrap();
            held.push(pick);
            let load = balancer.snapshot(NOW).nth(pick.endpoint() as usize).unwrap().in_flight;
            let bound = (held.len() as f64 * LOAD_BOUND / left as f64).ceil();
            prop_assert!(f64::from(load) <= bound, "{load} > {bound}");
        }
    }

    #[test]
    fn an_endpoint_that_is_gone_moves_its_own_keys_alone(endpoints in 2u32..12, gone in 0u32..12, bits: u64) {
        let (balancer, gone) = (Balancer::new(hash(), endpoints), gone % endpoints);
        for draw in draws(bits).take(200) {
            let before = place(&balancer, draw, |_| true);
            let after = place(&balancer, draw, |endpoint| endpoint != gone);
            prop_assert!(after == before || before == Some(gone));
        }
    }
}
