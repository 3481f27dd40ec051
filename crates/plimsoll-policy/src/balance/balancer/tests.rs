use super::*;
use crate::{
    Failure,
    balance::{LOAD_BOUND, Weight},
};
use proptest::prelude::*;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn hash() -> Balance {
    Balance::hash_header("x-user")
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

fn named(weights: &[u16]) -> Vec<(String, Weight)> {
    weights
        .iter()
        .enumerate()
        .map(|(at, weight)| (format!("{at}:80"), Weight::new(*weight).unwrap()))
        .collect()
}

fn members(named: &[(String, Weight)]) -> Vec<Member<'_>> {
    named.iter().map(|(name, weight)| Member::new(name).weighing(*weight)).collect()
}

fn weighing(balance: Balance, weights: &[u16]) -> Balancer {
    Balancer::new(balance, &members(&named(weights)))
}

fn alike(balance: Balance, endpoints: u32) -> Balancer {
    weighing(balance, &vec![1; endpoints as usize])
}

fn eligible<F: Fn(u32) -> bool>(balancer: &Balancer, usable: F) -> Eligible<'static, F> {
    Eligible { total: balancer.len(), avoid: &[], usable }
}

fn choose(balancer: &Balancer, draw: Draw, usable: impl Fn(u32) -> bool) -> Option<u32> {
    balancer.choose(NOW, draw, Some(key(draw)), &eligible(balancer, usable))
}

/// Chooses, and leaves it in flight.
fn start(balancer: &Balancer, draw: Draw) -> u32 {
    let endpoint = choose(balancer, draw, |_| true).unwrap();
    balancer.start(endpoint);
    endpoint
}

fn in_flight(balancer: &Balancer) -> Vec<u32> {
    (0..balancer.len()).map(|endpoint| balancer.load(endpoint, NOW).in_flight).collect()
}

fn shares(balancer: &Balancer, picks: usize, usable: impl Fn(u32) -> bool + Copy) -> Vec<usize> {
    let mut shares = vec![0; balancer.len() as usize];
    for draw in draws(11).take(picks) {
        shares[choose(balancer, draw, usable).unwrap() as usize] += 1;
    }
    shares
}

#[test]
fn quiet_endpoints_share_alike() {
    for balance in [Balance::PeakEwma, Balance::LeastInFlight, hash()] {
        let balancer = alike(balance.clone(), 5);
        for (endpoint, share) in shares(&balancer, 50_000, |endpoint| endpoint != 2).into_iter().enumerate() {
            let expected = if endpoint == 2 { 0..1 } else { 12_000..13_000 };
            assert!(expected.contains(&share), "{balance:?}: {share} to {endpoint}");
        }
    }
}

#[test]
fn quiet_endpoints_share_by_weight() {
    for balance in [Balance::RoundRobin, Balance::LeastInFlight, hash()] {
        let shares = shares(&weighing(balance.clone(), &[1, 2, 3, 4]), 10_000, |_| true);
        for (share, weight) in shares.iter().zip(1..) {
            assert!(share.abs_diff(weight * 1000) < 150, "{balance:?}: {shares:?}");
        }
    }
    // Of two drawn by weight the first stays where nothing speaks against it: a part in proportion.
    let shares = shares(&weighing(Balance::PeakEwma, &[1, 2, 3, 4]), 10_000, |_| true);
    assert!(shares.iter().zip(1..).all(|(share, weight)| share.abs_diff(weight * 1000) < 150), "{shares:?}");
}

#[test]
fn under_load_each_carries_what_it_weighs() {
    for balance in [Balance::RoundRobin, Balance::LeastInFlight, Balance::PeakEwma, hash()] {
        let balancer = weighing(balance.clone(), &[10, 20, 70]);
        for draw in draws(1).take(1000) {
            start(&balancer, draw);
        }
        let carried = in_flight(&balancer);
        let slack = if balance == hash() { 60 } else { 20 };
        for (carried, expected) in carried.iter().zip([100u32, 200, 700]) {
            assert!(carried.abs_diff(expected) <= slack, "{balance:?}: {carried}, not {expected}");
        }
    }
}

#[test]
fn turns_of_one_that_is_gone_go_to_the_others_by_weight() {
    let shares = shares(&weighing(Balance::RoundRobin, &[10, 1, 2, 3]), 16_000, |endpoint| endpoint != 0);
    assert_eq!(shares[0], 0);
    assert!(
        shares[1..].iter().zip(1..).all(|(share, weight)| share.abs_diff(weight * 16_000 / 6) < 300),
        "{shares:?}"
    );
}

#[test]
fn least_in_flight_levels_out() {
    let balancer = alike(Balance::LeastInFlight, 4);
    for draw in draws(1).take(40) {
        start(&balancer, draw);
    }
    assert_eq!(in_flight(&balancer), [10; 4]);
}

#[test]
fn the_slow_endpoint_gets_the_least() {
    let balancer = alike(Balance::PeakEwma, 3);
    let mut shares = [0; 3];
    for (step, draw) in draws(2).take(3000).enumerate() {
        let now = NOW + Duration::from_millis(step as u64 * 2);
        let endpoint = balancer.choose(now, draw, None, &eligible(&balancer, |_| true)).unwrap();
        let took = if endpoint == 1 { 200 } else { 10 };
        shares[endpoint as usize] += 1;
        balancer.settle(endpoint, now, Outcome::Success, Duration::from_millis(took));
    }
    assert!(shares[1] < 30 && shares[0] > 1000 && shares[2] > 1000, "{shares:?}");
}

#[test]
fn a_newcomer_is_neither_starved_nor_flooded() {
    let three = named(&[1, 1, 1]);
    let old = Balancer::new(Balance::PeakEwma, &members(&three)[..2]);
    for endpoint in [0, 1] {
        old.settle(endpoint, NOW, Outcome::Success, Duration::from_millis(1));
        (0..10).for_each(|_| old.start(endpoint));
    }
    let balancer = old.carried(Balance::PeakEwma, &members(&three), &[Some(0), Some(1), None]);
    for draw in draws(4).take(60) {
        start(&balancer, draw);
    }
    let newcomer = in_flight(&balancer)[2];
    assert!((20..=32).contains(&newcomer), "{newcomer} of 80");
}

#[test]
fn an_empty_set_has_nothing_to_choose() {
    for balance in [Balance::PeakEwma, Balance::RoundRobin, Balance::LeastInFlight, hash()] {
        assert_eq!(choose(&alike(balance, 0), Draw::new(0), |_| true), None);
    }
}

/// Ten endpoints and ten thousand keys, as another process would have them.
mod across_processes {
    use super::*;

    const KEYS: usize = 10_000;

    fn addresses() -> Vec<String> {
        (1..=10).map(|host| format!("10.0.0.{host}:8080")).collect()
    }

    /// The endpoint of each key, by name, in a balancer made for this list alone.
    fn placed<'a>(balance: &Balance, members: &[Member<'a>]) -> Vec<&'a str> {
        let balancer = Balancer::new(balance.clone(), members);
        (0..KEYS)
            .map(|key| {
                let hash = balancer.hash(format!("user-{key}").as_bytes());
                // What is drawn must not matter.
                let draw = Draw::new(key as u64).split();
                let endpoint =
                    balancer.choose(NOW, draw, Some(hash), &eligible(&balancer, |_| true)).unwrap();
                members[endpoint as usize].name
            })
            .collect()
    }

    #[test]
    fn every_order_of_the_list_places_every_key_alike() {
        let addresses = addresses();
        for weights in [[1; 10], [1, 5, 1, 2, 9, 3, 3, 1, 1000, 77]] {
            let mut list: Vec<_> = addresses
                .iter()
                .zip(weights)
                .map(|(name, weight)| Member::new(name).weighing(Weight::new(weight).unwrap()))
                .collect();
            let first = placed(&hash(), &list);
            for draw in draws(3).take(5) {
                // Fisher and Yates.
                let mut draw = draw;
                for at in (1..list.len()).rev() {
                    draw = draw.split();
                    list.swap(at, draw.below(at as u64 + 1) as usize);
                }
                assert!(placed(&hash(), &list) == first, "{list:?}");
            }
        }
    }

    /// A restart, another machine, another release: all must have these. If they change, every cache behind every gateway
    /// is cold after the update; that is a breaking change.
    #[test]
    fn the_places_are_these_for_ever() {
        let addresses = addresses();
        let members: Vec<_> = addresses.iter().map(|name| Member::new(name)).collect();
        let balancer = Balancer::new(hash(), &members);
        assert_eq!(balancer.hash(b"user-0").0, GOLDEN_HASH);
        let last = |places: Vec<&str>| -> String {
            places[..32]
                .iter()
                .map(|name| &name["10.0.0.".len()..name.len() - ":8080".len()])
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(last(placed(&hash(), &members)), GOLDEN);
        let seeded = Balance::HashHeader { name: "x-user".into(), seed: 42 };
        assert_eq!(last(placed(&seeded, &members)), GOLDEN_SEEDED);
        let weighted: Vec<_> = members
            .iter()
            .zip(1..)
            .map(|(member, weight)| member.weighing(Weight::new(weight).unwrap()))
            .collect();
        assert_eq!(last(placed(&hash(), &weighted)), GOLDEN_WEIGHTED);
    }

    const GOLDEN_HASH: u64 = 0x46de_b520_528b_da33;
    const GOLDEN: &str = "7 5 5 9 5 8 1 1 8 5 3 4 8 8 8 9 3 2 9 8 10 8 5 9 2 2 1 9 10 5 5 9";
    const GOLDEN_SEEDED: &str = "10 6 3 3 9 7 1 6 1 4 1 3 8 8 3 7 6 7 5 10 2 7 4 5 8 6 8 8 5 4 2 10";
    const GOLDEN_WEIGHTED: &str = "7 5 5 9 5 8 10 10 8 5 3 4 8 8 8 9 3 2 9 8 10 8 5 9 7 9 9 9 10 5 5 9";

    #[test]
    fn one_that_is_taken_out_moves_its_own_tenth_and_no_other() {
        let addresses = addresses();
        let members: Vec<_> = addresses.iter().map(|name| Member::new(name)).collect();
        let before = placed(&hash(), &members);
        for gone in 0..members.len() {
            let mut rest = members.clone();
            rest.remove(gone);
            let after = placed(&hash(), &rest);
            let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
            assert!((KEYS * 8 / 100..=KEYS * 12 / 100).contains(&moved), "{moved} of {KEYS}");
            assert!(
                before
                    .iter()
                    .zip(&after)
                    .all(|(before, after)| before == after || *before == members[gone].name)
            );
        }
    }

    #[test]
    fn a_weight_that_grows_takes_keys_and_moves_no_other() {
        let addresses = addresses();
        let mut members: Vec<_> =
            addresses.iter().map(|name| Member::new(name).weighing(Weight::new(2).unwrap())).collect();
        let before = placed(&hash(), &members);
        members[4].weight = Weight::new(3).unwrap();
        let after = placed(&hash(), &members);
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
        let moved = moved.inspect(|(_, after)| assert_eq!(**after, members[4].name)).count();
        // From 2/20 to 3/21 of all.
        assert!(moved.abs_diff(KEYS * 3 / 21 - KEYS * 2 / 20) < KEYS / 100, "{moved}");
    }
}

proptest! {
    #[test]
    fn an_unusable_endpoint_is_never_chosen(
        balance in every_balance(), usable in prop::collection::vec(any::<bool>(), 0..12),
        weights in prop::collection::vec(1u16..=4, 12), avoid in prop::collection::vec(0u32..12, 0..4), bits: u64,
    ) {
        let balancer = weighing(balance, &weights[..usable.len()]);
        let eligible = Eligible { total: balancer.len(), avoid: &avoid, usable: |endpoint| usable[endpoint as usize] };
        for draw in draws(bits).take(40) {
            let chosen = balancer.choose(NOW, draw, Some(key(draw)), &eligible);
            let may = |endpoint: u32| usable[endpoint as usize] && !avoid.contains(&endpoint);
            match chosen {
                None => prop_assert!(!(0..balancer.len()).any(may)),
                Some(endpoint) => prop_assert!(may(endpoint)),
            }
            if let Some(endpoint) = chosen.filter(|_| draw.bits() % 3 == 0) {
                balancer.start(endpoint);
            }
        }
    }

    #[test]
    fn round_robin_is_fair_to_those_that_are_left(usable in prop::collection::vec(any::<bool>(), 1..9), rounds in 1usize..4) {
        let left = usable.iter().filter(|usable| **usable).count();
        prop_assume!(left > 0);
        let balancer = alike(Balance::RoundRobin, usable.len() as u32);
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
        weights in prop::collection::vec(1u16..=9, 1..12), gone in 0u32..12, keys in 1u64..4,
        steps in prop::collection::vec(any::<u64>(), 1..200),
    ) {
        let balancer = weighing(hash(), &weights);
        let usable = |endpoint: u32| weights.len() == 1 || endpoint != gone;
        let left: u16 = (0..).zip(&weights).filter(|(endpoint, _)| usable(*endpoint)).map(|(_, weight)| weight).sum();
        let mut held: Vec<u32> = vec![];
        for bits in steps {
            if bits % 5 == 0 && !held.is_empty() {
                balancer.release(held.swap_remove((bits / 5) as usize % held.len()));
                continue;
            }
            let key = Some(KeyHash(bits % keys));
            let endpoint = balancer.choose(NOW, Draw::new(bits), key, &eligible(&balancer, usable)).unwrap();
            balancer.start(endpoint);
            held.push(endpoint);
            let load = balancer.load(endpoint, NOW).in_flight;
            let part = f64::from(weights[endpoint as usize]) / f64::from(left);
            let bound = (held.len() as f64 * LOAD_BOUND * part - 1e-9).ceil();
            prop_assert!(f64::from(load) <= bound, "{load} > {bound}");
        }
    }

    #[test]
    fn an_endpoint_that_is_gone_moves_its_own_keys_alone(
        weights in prop::collection::vec(1u16..=9, 2..12), gone in 0u32..12, bits: u64,
    ) {
        let balancer = weighing(hash(), &weights);
        let gone = gone % balancer.len();
        for draw in draws(bits).take(200) {
            let before = choose(&balancer, draw, |_| true);
            let after = choose(&balancer, draw, |endpoint| endpoint != gone);
            prop_assert!(after == before || before == Some(gone));
        }
    }
}

/// Three hosts that respond in 10 ms, except that the attempts at the last one fail at once where `fails` says so: `rate`
/// attempts a second, unevenly. How many attempts each host gets, by whole seconds.
fn simulate(rate: u64, seconds: u64, fails: impl Fn(u64, Draw) -> bool) -> Vec<[u32; 3]> {
    let balancer = alike(Balance::PeakEwma, 3);
    let mut by_second = vec![[0; 3]; seconds as usize];
    let mut under_way: std::collections::VecDeque<(Instant, u32)> = [].into();
    let end = NOW + Duration::from_secs(seconds);
    let (mut now, mut draws) = (NOW, draws(3));
    while now < end {
        while let Some((done, endpoint)) = under_way.pop_front_if(|(done, _)| *done <= now) {
            balancer.settle(endpoint, done, Outcome::Success, Duration::from_millis(10));
            balancer.release(endpoint);
        }
        let draw = draws.next().unwrap();
        let endpoint = balancer.choose(now, draw, None, &eligible(&balancer, |_| true)).unwrap();
        let second = now.since(NOW).as_secs();
        by_second[second as usize][endpoint as usize] += 1;
        if endpoint == 2 && fails(second, draws.next().unwrap()) {
            balancer.settle(endpoint, now, Outcome::Failure(Failure::Connect), Duration::from_micros(300));
        } else {
            balancer.start(endpoint);
            under_way.push_back((now + Duration::from_millis(10), endpoint));
        }
        now = now + Duration::from_nanos(draws.next().unwrap().below(2_000_000_000 / rate));
    }
    by_second
}

fn part_of_the_last(by_second: &[[u32; 3]]) -> f64 {
    let all: u32 = by_second.iter().flatten().sum();
    f64::from(by_second.iter().map(|second| second[2]).sum::<u32>()) / f64::from(all)
}

#[test]
fn a_host_that_fails_at_once_gets_next_to_nothing_and_is_still_probed() {
    for rate in [30, 300, 3000] {
        for well_until in [0, 5] {
            let by_second = simulate(rate, 180, |second, _| second >= well_until);
            let part = part_of_the_last(&by_second[well_until as usize..]);
            assert!(part < 0.01, "{part} at {rate}/s");
            let at_first = part_of_the_last(&by_second[well_until as usize..][..10]);
            assert!(at_first < 0.02, "{at_first} in the first seconds at {rate}/s");
            let probes: u32 = by_second[60..].iter().map(|second| second[2]).sum();
            assert!(probes > 0, "never probed again at {rate}/s");
        }
    }
}

#[test]
fn a_host_that_is_well_again_gets_its_share_again() {
    let part = part_of_the_last(&simulate(3000, 180, |second, _| second < 60)[150..]);
    assert!((0.25..0.4).contains(&part), "{part}");
}

#[test]
fn a_host_that_fails_one_call_in_a_hundred_keeps_much_of_its_traffic() {
    let part = part_of_the_last(&simulate(3000, 60, |_, draw| draw.unit() < 0.01));
    assert!((0.1..0.3).contains(&part), "{part}");
}
