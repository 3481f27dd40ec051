use super::*;
use crate::{
    Draw, Failure, Outcome,
    balance::Balance,
    ejection::{EjectionDecision, EjectionReason, EjectionSpec, FailurePercentage},
    endpoints::Pick,
    units::Ratio,
};
use proptest::prelude::*;
use std::{num::NonZeroU32, time::Duration};

const FAILURE: Outcome = Outcome::Failure(Failure::Response);
const QUICK: Duration = Duration::from_millis(1);

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

fn draws(seed: u64) -> impl Iterator<Item = Draw> {
    (0..).map(move |step: u64| Draw::new(Draw::new(step).split().bits() ^ seed).split())
}

const NAMES: [&str; 10] = ["a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "g:1", "h:1", "i:1", "j:1"];

fn members(count: usize) -> Vec<Member<'static>> {
    NAMES[..count].iter().map(|name| Member::new(name)).collect()
}

fn spec(balance: Balance) -> EndpointsSpec {
    EndpointsSpec { balance, ..EndpointsSpec::default() }
}

fn slow(balance: Balance) -> EndpointsSpec {
    EndpointsSpec { slow_start: Some(Duration::from_secs(30)), ..spec(balance) }
}

fn without_panic() -> EndpointsSpec {
    EndpointsSpec { panic_threshold: Ratio::ZERO, ..spec(Balance::RoundRobin) }
}

fn every_balance() -> [Balance; 4] {
    [Balance::PeakEwma, Balance::RoundRobin, Balance::LeastInFlight, Balance::hash_header("x-user")]
}

fn of(spec: &EndpointsSpec, count: usize) -> Endpoints {
    Endpoints::new(spec, &members(count), at(1))
}

/// The part of quick attempts that each endpoint gets, by key or by draw.
fn parts(endpoints: &Endpoints, now: Instant) -> Vec<f64> {
    let mut counts = vec![0u32; endpoints.len() as usize];
    for draw in draws(5).take(20_000) {
        let key = endpoints.hash(&draw.bits().to_le_bytes());
        let pick = endpoints.pick(now, draw, Some(key), &[], &[]).unwrap();
        counts[pick.endpoint() as usize] += 1;
        endpoints.settle(&pick, now, draw, Outcome::Success, QUICK);
        endpoints.release(pick);
    }
    counts.into_iter().map(|count| f64::from(count) / 20_000.0).collect()
}

fn eject(endpoints: &Endpoints, endpoint: u32, now: Instant) {
    let pick = Pick { endpoint };
    for _ in 0..5 {
        endpoints.settle(&pick, now, Draw::new(0), FAILURE, QUICK);
    }
    assert!(endpoints.is_ejected(endpoint, now));
}

#[test]
fn the_head_counts_once_and_the_place_is_held_to_the_end() {
    let endpoints = of(&spec(Balance::PeakEwma), 1);
    let pick = endpoints.pick(at(1), Draw::new(0), None, &[], &[]).unwrap();
    endpoints.settle(&pick, at(2), Draw::new(0), Outcome::Success, Duration::from_secs(1));
    let standing = || endpoints.snapshot(at(2)).endpoints[0];
    assert_eq!((standing().load.in_flight, standing().load.latency), (1, Some(Duration::from_secs(1))));
    assert_eq!(standing().standing.unwrap().requests, 1);
    endpoints.release(pick);
    assert_eq!((standing().load.in_flight, standing().load.latency), (0, Some(Duration::from_secs(1))));
    assert_eq!(standing().standing.unwrap().requests, 1);
}

/// Before outcomes were reported at the head, a head's latency reported at the body's end overwrote newer estimates.
#[test]
fn a_download_that_ends_leaves_the_estimate_alone() {
    let endpoints = of(&spec(Balance::PeakEwma), 1);
    let pick = || endpoints.pick(at(1), Draw::new(0), None, &[], &[]).unwrap();
    let download = pick();
    endpoints.settle(&download, at(1), Draw::new(0), Outcome::Success, Duration::from_millis(2));
    let slow = pick();
    endpoints.settle(&slow, at(60), Draw::new(0), Outcome::Success, Duration::from_millis(500));
    endpoints.release(slow);
    endpoints.release(download);
    let load = endpoints.snapshot(at(60)).endpoints[0].load;
    assert_eq!((load.in_flight, load.latency), (0, Some(Duration::from_millis(500))));
}

/// Half of the attempts at one host are downloads whose heads came long before; they end between its failures.
#[test]
fn a_host_that_fails_among_the_ends_of_downloads_is_found() {
    let by_percentage = EjectionSpec {
        consecutive_failures: None,
        success_rate: None,
        failure_percentage: Some(FailurePercentage::default()),
        ..EjectionSpec::default()
    };
    let cases = [
        (EjectionSpec::default(), EjectionReason::ConsecutiveFailures),
        (by_percentage, EjectionReason::FailurePercentage),
    ];
    for (ejection, reason) in cases {
        let endpoints = of(&EndpointsSpec { ejection: Some(ejection), ..spec(Balance::RoundRobin) }, 5);
        let begin = |endpoint: u32, now| {
            let others: Vec<u32> = (0..5).filter(|other| *other != endpoint).collect();
            endpoints.pick(now, Draw::new(0), None, &[], &others)
        };
        let mut decisions = vec![];
        let mut downloads: Vec<Pick> = (0..60).map(|_| begin(2, at(1)).unwrap()).collect();
        for download in &downloads {
            decisions.extend(endpoints.settle(download, at(1), Draw::new(0), Outcome::Success, QUICK));
        }
        // Sweeps close the tally of their heads; the failures are those of a later one.
        for second in [12, 22] {
            for endpoint in (0..5).flat_map(|endpoint| [endpoint; 60]) {
                let Some(pick) = begin(endpoint, at(second)) else { continue };
                let fails = endpoint == 2 && second == 22;
                let outcome = if fails { FAILURE } else { Outcome::Success };
                decisions.extend(endpoints.settle(&pick, at(second), Draw::new(0), outcome, QUICK));
                endpoints.release(pick);
                if let Some(download) = fails.then(|| downloads.pop()).flatten() {
                    endpoints.release(download);
                }
            }
        }
        let pick = begin(0, at(33)).unwrap();
        decisions.extend(endpoints.settle(&pick, at(33), Draw::new(0), Outcome::Success, QUICK));
        let [EjectionDecision::Ejected(ejected)] = decisions[..] else { panic!("{reason:?}: {decisions:?}") };
        assert_eq!((ejected.endpoint, ejected.reason), (2, reason));
    }
}

#[test]
fn a_body_that_breaks_off_is_an_expensive_sample() {
    let endpoints = of(&spec(Balance::PeakEwma), 2);
    let pick = endpoints.pick(at(1), Draw::new(0), None, &[], &[]).unwrap();
    endpoints.settle(&pick, at(1), Draw::new(0), Outcome::Success, QUICK);
    endpoints.settle_late(&pick, at(2), Draw::new(0), FAILURE);
    let standing = endpoints.snapshot(at(2)).endpoints[pick.endpoint() as usize];
    assert!(standing.load.latency.unwrap() > Duration::from_millis(90), "{standing:?}");
    assert_eq!(standing.standing.unwrap().successes, 0);
    for outcome in [Outcome::Success, Outcome::Cancelled, Outcome::Caller, Outcome::Local] {
        endpoints.settle_late(&pick, at(3), Draw::new(0), outcome);
    }
    assert_eq!(endpoints.snapshot(at(2)).endpoints[pick.endpoint() as usize].load, standing.load);
}

#[test]
fn what_is_nobodys_failure_says_nothing_of_the_peer() {
    let endpoints = of(&spec(Balance::PeakEwma), 2);
    for outcome in [Outcome::Cancelled, Outcome::Caller, Outcome::Local] {
        for _ in 0..20 {
            let pick = endpoints.pick(at(1), Draw::new(0), None, &[], &[]).unwrap();
            assert_eq!(endpoints.settle(&pick, at(1), Draw::new(0), outcome, QUICK), None);
            endpoints.release(pick);
        }
    }
    for endpoint in endpoints.snapshot(at(1)).endpoints {
        assert_eq!((endpoint.load.latency, endpoint.standing.unwrap().requests), (None, 0));
    }
}

#[test]
fn what_failed_in_this_call_is_asked_last_and_what_is_excluded_never() {
    for balance in every_balance() {
        let endpoints = of(&spec(balance), 3);
        let chosen = |avoid: &[u32], exclude: &[u32]| {
            let mut chosen: Vec<u32> = draws(1)
                .take(60)
                .filter_map(|draw| endpoints.pick(at(1), draw, None, avoid, exclude))
                .map(|pick| {
                    endpoints.release(pick);
                    pick.endpoint()
                })
                .collect();
            chosen.sort_unstable();
            chosen.dedup();
            chosen
        };
        assert_eq!(chosen(&[0], &[1]), [2]);
        assert_eq!(chosen(&[0, 1, 2], &[1]), [0, 2]);
        assert_eq!(chosen(&[], &[0, 1, 2]), [0; 0]);
        assert_eq!(chosen(&[0, 0], &[2, 1]), [0]);
    }
}

#[test]
fn an_excluded_endpoint_does_not_open_the_way_to_an_ejected_one() {
    for spec in [spec(Balance::RoundRobin), without_panic()] {
        let endpoints = of(&spec, 2);
        eject(&endpoints, 0, at(1));
        assert_eq!(endpoints.pick(at(1), Draw::new(0), None, &[], &[1]), None);
    }
}

#[test]
fn below_the_threshold_all_are_asked() {
    let endpoints = of(&spec(Balance::RoundRobin), 5);
    let asked = |now| parts(&endpoints, now).iter().filter(|part| **part > 0.0).count();
    assert!(endpoints.set_health(0, false, at(1)));
    assert!(endpoints.set_health(1, false, at(1)));
    assert_eq!((asked(at(1)), endpoints.panic_turned()), (3, None), "60 % are usable");
    assert!(endpoints.set_health(2, false, at(1)));
    assert_eq!(endpoints.panic_turned(), Some(true), "told by what brought it about");
    assert_eq!(endpoints.panic_turned(), None, "and told once");
    assert_eq!(asked(at(1)), 5, "40 % are usable");
    let snapshot = endpoints.snapshot(at(1));
    assert!(snapshot.panic && snapshot.panics == 1 && !snapshot.endpoints[2].usable);
    assert!(!endpoints.set_health(0, true, at(2)));
    assert_eq!((endpoints.panic_turned(), asked(at(2))), (Some(false), 3));
    let snapshot = endpoints.snapshot(at(2));
    assert_eq!((snapshot.panic, snapshot.panics), (false, 1));
}

#[test]
fn an_upstream_all_of_whose_checks_fail_is_still_asked() {
    for balance in every_balance() {
        let endpoints = of(&spec(balance), 3);
        (0..3).for_each(|endpoint| _ = endpoints.set_health(endpoint, false, at(1)));
        assert!(parts(&endpoints, at(1)).iter().all(|part| *part > 0.2));
    }
    let off = of(&without_panic(), 3);
    (0..3).for_each(|endpoint| _ = off.set_health(endpoint, false, at(1)));
    assert_eq!(off.pick(at(1), Draw::new(0), None, &[], &[]), None);
    assert_eq!((off.panic_turned(), off.snapshot(at(1)).panic), (None, false));
}

#[test]
fn panic_ends_by_itself_when_an_ejection_does() {
    let ejection = EjectionSpec {
        consecutive_failures: NonZeroU32::new(5),
        at_most: Ratio::ONE,
        ..EjectionSpec::default()
    };
    let endpoints = of(&EndpointsSpec { ejection: Some(ejection), ..spec(Balance::RoundRobin) }, 3);
    eject(&endpoints, 0, at(1));
    assert!(!endpoints.is_panicking(at(1)));
    eject(&endpoints, 1, at(10));
    assert!(endpoints.is_panicking(at(30)) && parts(&endpoints, at(30)).iter().all(|part| *part > 0.3));
    assert!(!endpoints.is_panicking(at(31)));
    let left: Vec<bool> = parts(&endpoints, at(31)).iter().map(|part| *part > 0.0).collect();
    assert_eq!(left, [true, false, true]);
}

#[test]
fn without_panic_the_healthy_are_asked_even_if_each_is_ejected() {
    let endpoints = of(&without_panic(), 3);
    eject(&endpoints, 0, at(1));
    endpoints.set_health(1, false, at(1));
    endpoints.set_health(2, false, at(1));
    let pick = endpoints.pick(at(1), Draw::new(0), None, &[], &[]).unwrap();
    assert_eq!(pick.endpoint(), 0);
}

#[test]
fn a_share_rises_from_a_tenth_to_the_whole_in_the_window() {
    for balance in every_balance() {
        let returns: [fn(&Endpoints); 2] = [
            |endpoints| {
                endpoints.set_health(3, false, at(5));
                endpoints.set_health(3, true, at(31));
            },
            // Out for 30 s.
            |endpoints| eject(endpoints, 3, at(1)),
        ];
        for bring_back in returns {
            let endpoints = of(&slow(balance.clone()), 4);
            bring_back(&endpoints);
            for (second, share) in [(31, 0.1), (34, 0.1), (46, 0.5), (55, 0.8), (61, 1.0), (90, 1.0)] {
                assert!((endpoints.snapshot(at(second)).endpoints[3].share - share).abs() < 1e-9);
                // By latency a host that failed is not asked at once.
                if balance != Balance::PeakEwma {
                    let part = parts(&endpoints, at(second))[3];
                    assert!((part - 0.25 * share).abs() < 0.015, "{balance:?}: {part} at second {second}");
                }
            }
        }
    }
}

#[test]
fn a_newcomer_starts_slowly_and_what_was_there_from_the_start_does_not() {
    let peak = of(&slow(Balance::PeakEwma), 3);
    assert!(parts(&peak, at(2)).iter().all(|part| *part > 0.2));
    let grown = peak.carried(&slow(Balance::PeakEwma), &members(4), at(100));
    assert!(parts(&grown, at(100))[3] < 0.06);
    assert!(parts(&grown, at(140))[3] > 0.2);
}

#[test]
fn where_all_are_warming_up_all_are_asked() {
    for balance in every_balance() {
        let endpoints = of(&EndpointsSpec { panic_threshold: Ratio::ZERO, ..slow(balance) }, 2);
        for healthy in [false, true] {
            (0..2).for_each(|endpoint| _ = endpoints.set_health(endpoint, healthy, at(5)));
        }
        assert!(parts(&endpoints, at(5)).iter().all(|part| *part > 0.2));
    }
}

#[test]
fn a_reload_keeps_by_name() {
    let old = of(&spec(Balance::LeastInFlight), 3);
    let pick = old.pick(at(1), Draw::new(0), None, &[], &[0, 2]).unwrap();
    eject(&old, 0, at(1));
    old.set_health(2, false, at(1));
    let turned = [Member::new("z:9"), Member::new(NAMES[2]), Member::new(NAMES[1]), Member::new(NAMES[0])];
    let new = old.carried(&spec(Balance::RoundRobin), &turned, at(2));
    let seen = |now| {
        let endpoints = new.snapshot(now).endpoints;
        endpoints.into_iter().map(|it| (it.load.in_flight, it.healthy, it.usable)).collect::<Vec<_>>()
    };
    assert_eq!(seen(at(2)), [(0, true, true), (0, false, false), (1, true, true), (0, true, false)]);
    // What was picked before the reload ends after it, and is seen.
    old.settle(&pick, at(3), Draw::new(0), Outcome::Success, Duration::from_millis(5));
    old.release(pick);
    assert_eq!(seen(at(3))[2], (0, true, true));
    assert_eq!(new.snapshot(at(3)).endpoints[2].load.latency, Some(Duration::from_millis(5)));
    // An ejection by the old one counts in the new one, at once.
    assert!(!new.is_panicking(at(3)));
    let ejection = EjectionSpec { at_most: Ratio::ONE, ..EjectionSpec::default() };
    let all = EndpointsSpec { ejection: Some(ejection), ..spec(Balance::RoundRobin) };
    let old = of(&all, 2);
    let new = old.carried(&all, &members(3), at(2));
    assert!(!new.is_panicking(at(2)));
    eject(&old, 0, at(2));
    new.set_health(1, false, at(2));
    assert!(new.is_panicking(at(2)));
}

#[test]
fn without_checks_what_checks_said_is_forgotten() {
    let old = of(&spec(Balance::RoundRobin), 4);
    old.set_health(2, false, at(1));
    let unchecked = EndpointsSpec { checks: false, ..slow(Balance::RoundRobin) };
    let new = old.carried(&unchecked, &members(4), at(2));
    assert!(new.is_healthy(2) && new.snapshot(at(2)).endpoints[2].share >= 1.0);
    // A check that was under way at the reload.
    old.set_health(2, false, at(2));
    assert!(new.set_health(2, false, at(2)) && new.is_healthy(2));
}

#[test]
fn one_that_becomes_healthy_is_let_back_in() {
    let endpoints = of(&spec(Balance::RoundRobin), 3);
    eject(&endpoints, 0, at(1));
    endpoints.set_health(0, true, at(2));
    assert!(endpoints.is_ejected(0, at(2)), "it was healthy all along");
    endpoints.set_health(0, false, at(3));
    endpoints.set_health(0, true, at(4));
    assert!(!endpoints.is_ejected(0, at(4)));
}

#[test]
fn an_empty_set_has_nothing_to_pick_and_is_in_no_panic() {
    for balance in every_balance() {
        let endpoints = of(&spec(balance), 0);
        assert!(endpoints.is_empty() && !endpoints.is_panicking(at(1)));
        assert_eq!(endpoints.pick(at(1), Draw::new(0), None, &[], &[]), None);
    }
}

proptest! {
    #[test]
    fn nothing_is_picked_that_must_not_be_and_all_is_given_back(
        balance in 0usize..4, healthy in prop::collection::vec(any::<bool>(), 1..10), threshold in 0u8..=100,
        avoid in prop::collection::vec(0u32..10, 0..4), exclude in prop::collection::vec(0u32..10, 0..4), bits: u64,
    ) {
        let panic_threshold = Ratio::percent(threshold);
        let endpoints = of(&EndpointsSpec { panic_threshold, ..slow(every_balance()[balance].clone()) }, healthy.len());
        for (endpoint, healthy) in (0..).zip(&healthy) {
            endpoints.set_health(endpoint, *healthy, at(1));
        }
        let usable = healthy.iter().filter(|healthy| **healthy).count();
        let panic = usable * 100 < usize::from(threshold) * healthy.len();
        prop_assert_eq!(endpoints.is_panicking(at(1)), panic);
        let may = |endpoint: &u32| (panic || healthy[*endpoint as usize]) && !exclude.contains(endpoint);
        let first = |endpoint: &u32| may(endpoint) && !avoid.contains(endpoint);
        let all = 0..endpoints.len();
        let mut held = vec![];
        for draw in draws(bits).take(40) {
            match endpoints.pick(at(2), draw, None, &avoid, &exclude) {
                None => prop_assert!(!all.clone().any(|endpoint| may(&endpoint))),
                Some(pick) => {
                    prop_assert!(may(&pick.endpoint()));
                    prop_assert!(first(&pick.endpoint()) || !all.clone().any(|endpoint| first(&endpoint)));
                    held.push(pick);
                }
            }
        }
        let in_flight = || endpoints.snapshot(at(2)).endpoints.iter().map(|it| it.load.in_flight).sum::<u32>();
        prop_assert_eq!(in_flight() as usize, held.len());
        for pick in held {
            endpoints.release(pick);
        }
        prop_assert_eq!(in_flight(), 0);
    }
}
