use super::*;
use crate::Failure;
use std::num::NonZeroU32;

const FAILURE: Outcome = Outcome::Failure(Failure::Response);
/// No jitter.
const LEAST: Draw = Draw::new(0);

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

fn in_a_row(limit: u32, at_most: &str) -> EjectionSpec {
    EjectionSpec {
        consecutive_failures: NonZeroU32::new(limit),
        at_most: at_most.parse().unwrap(),
        success_rate: None,
        ..EjectionSpec::default()
    }
}

#[cfg(not(loom))]
mod alone {
    use super::*;
    use crate::{
        ejection::{FailurePercentage, SuccessRate},
        units::Ratio,
    };
    use proptest::prelude::*;

    fn fail(ejector: &Ejector, endpoint: u32, now: Instant, times: u32) -> Option<EjectionDecision> {
        (0..times).filter_map(|_| ejector.settle(endpoint, now, LEAST, FAILURE)).last()
    }

    fn ejected(decision: Option<EjectionDecision>) -> Ejected {
        match decision {
            Some(EjectionDecision::Ejected(ejected)) => ejected,
            other => panic!("no ejection: {other:?}"),
        }
    }

    fn because(decision: Option<EjectionDecision>) -> WithheldBecause {
        match decision {
            Some(EjectionDecision::Withheld(withheld)) => withheld.because,
            other => panic!("not withheld: {other:?}"),
        }
    }

    #[test]
    fn five_in_a_row_eject_and_a_success_between_does_not() {
        let ejector = Ejector::new(&in_a_row(5, "10%"), 3);
        assert_eq!(fail(&ejector, 0, at(1), 4), None);
        ejector.settle(0, at(1), LEAST, Outcome::Success);
        assert_eq!(fail(&ejector, 0, at(1), 4), None);
        let ejected = ejected(fail(&ejector, 0, at(1), 1));
        let expected =
            Ejected { endpoint: 0, until: at(31), times: 1, reason: EjectionReason::ConsecutiveFailures };
        assert_eq!(ejected, expected);
        assert!(ejector.is_ejected(0, at(30)) && !ejector.is_ejected(0, at(31)));
        assert!(!ejector.is_ejected(1, at(30)) && !ejector.is_ejected(9, at(30)));
    }

    #[test]
    fn neither_throttled_nor_cancelled_counts_for_anything() {
        let ejector = Ejector::new(&in_a_row(2, "10%"), 2);
        for outcome in [FAILURE, Outcome::Throttled, Outcome::Cancelled] {
            assert_eq!(ejector.settle(0, at(1), LEAST, outcome), None);
        }
        let standing = ejector.snapshot(at(1)).next().unwrap();
        assert_eq!((standing.requests, standing.successes, standing.consecutive_failures), (1, 0, 1));
        assert_eq!(ejected(fail(&ejector, 0, at(1), 1)).endpoint, 0);
    }

    #[test]
    fn the_only_endpoint_stays_and_says_so() {
        let ejector = Ejector::new(&in_a_row(5, "100%"), 1);
        assert_eq!(because(fail(&ejector, 0, at(1), 5)), WithheldBecause::LastEndpoint);
        assert_eq!(fail(&ejector, 0, at(2), 4), None, "said once for every five");
        assert_eq!(because(fail(&ejector, 0, at(2), 1)), WithheldBecause::LastEndpoint);
        assert!(!ejector.is_ejected(0, at(2)));
        let standing = ejector.snapshot(at(2)).next().unwrap();
        assert_eq!((standing.withheld, standing.withheld_at), (2, Some(at(2))));
    }

    #[test]
    fn the_last_one_left_stays_whatever_part_may_be_out() {
        let ejector = Ejector::new(&in_a_row(1, "100%"), 3);
        ejected(fail(&ejector, 0, at(1), 1));
        ejected(fail(&ejector, 1, at(1), 1));
        assert_eq!(because(fail(&ejector, 2, at(1), 1)), WithheldBecause::LastEndpoint);
    }

    #[test]
    fn one_may_always_be_out_and_no_more_than_the_part() {
        let ejector = Ejector::new(&in_a_row(1, "10%"), 3);
        ejected(fail(&ejector, 0, at(1), 1));
        assert_eq!(because(fail(&ejector, 1, at(1), 1)), WithheldBecause::AtMost);
        let two_thirds = Ejector::new(&in_a_row(1, "67%"), 3);
        ejected(fail(&two_thirds, 0, at(1), 1));
        ejected(fail(&two_thirds, 1, at(1), 1));
        assert_eq!(Thresholds::new(&in_a_row(1, "29%")).may_be_out(100), 29);
    }

    #[test]
    fn each_ejection_is_longer_and_good_conduct_is_rewarded() {
        let ejector = Ejector::new(&in_a_row(1, "50%"), 2);
        let (mut now, mut lasted) = (1, vec![]);
        for _ in 0..12 {
            let until = ejected(fail(&ejector, 0, at(now), 1)).until;
            lasted.push(until.since(at(now)).as_secs());
            now = until.as_nanos() / 1_000_000_000;
        }
        assert_eq!(lasted, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);

        // Two minutes later it is as good as new, whether or not anything happened meanwhile.
        ejector.settle(0, at(now), LEAST, Outcome::Success);
        ejector.settle(0, at(now + 41), LEAST, Outcome::Success);
        assert_eq!(ejector.snapshot(at(now + 41)).next().unwrap().times, 7);
        ejector.settle(1, at(now + 130), LEAST, Outcome::Success);
        assert_eq!(ejected(fail(&ejector, 0, at(now + 131), 1)).times, 1);
    }

    #[test]
    fn jitter_is_a_tenth_at_most() {
        let ejector = Ejector::new(&in_a_row(1, "50%"), 2);
        let decision = ejector.settle(0, at(0), Draw::new(u64::MAX), FAILURE);
        assert_eq!(ejected(decision).until, at(33));
    }

    #[test]
    fn stragglers_of_an_ejected_endpoint_change_nothing() {
        let ejector = Ejector::new(&in_a_row(2, "50%"), 2);
        fail(&ejector, 0, at(1), 2);
        assert_eq!(fail(&ejector, 0, at(2), 7), None);
        assert_eq!(fail(&ejector, 0, at(31), 1), None, "it returns with a clean record");
        assert_eq!(ejected(fail(&ejector, 0, at(31), 1)).times, 2);
    }

    #[test]
    fn by_hand_it_is_back_at_once() {
        let ejector = Ejector::new(&in_a_row(1, "50%"), 2);
        fail(&ejector, 0, at(1), 1);
        assert!(ejector.uneject(0, at(2)) && !ejector.uneject(0, at(2)) && !ejector.uneject(7, at(2)));
        assert!(!ejector.is_ejected(0, at(2)));
        assert_eq!(ejected(fail(&ejector, 0, at(2), 1)).times, 1);
    }

    #[test]
    fn new_thresholds_count_at_once_and_are_read_back() {
        let ejector = Ejector::new(&in_a_row(5, "10%"), 4);
        fail(&ejector, 0, at(1), 3);
        let spec = EjectionSpec { duration: Duration::from_secs(5), ..in_a_row(4, "50%") };
        ejector.update(&spec);
        assert_eq!(ejected(fail(&ejector, 0, at(1), 1)).until, at(6));
        assert_eq!(ejector.spec(), spec);
        ejector.update(&EjectionSpec::default());
        assert_eq!(ejector.spec(), EjectionSpec::default());
    }

    #[test]
    fn an_endpoint_that_stays_keeps_its_ejection() {
        let old = Ejector::new(&in_a_row(1, "50%"), 2);
        fail(&old, 1, at(1), 1);
        let new = old.carried(&in_a_row(1, "50%"), &[Some(1), None, Some(0), Some(5)]);
        let out: Vec<_> = (0..4).map(|endpoint| new.is_ejected(endpoint, at(2))).collect();
        assert_eq!(out, [true, false, false, false]);
    }

    /// Settles `good` of 100 attempts as successes at each endpoint, and lets the sweep come.
    fn sweep(ejector: &Ejector, start: u64, good: &[u32]) -> Vec<EjectionDecision> {
        let mut decisions = vec![];
        let mut settle = |endpoint, now, outcome| {
            decisions.extend(ejector.settle(endpoint, now, LEAST, outcome));
        };
        for (endpoint, good) in (0..).zip(good) {
            for attempt in 0..100 {
                settle(endpoint, at(start), if attempt < *good { Outcome::Success } else { FAILURE });
            }
        }
        settle(0, at(start + 11), Outcome::Success);
        decisions
    }

    fn by_rate() -> EjectionSpec {
        EjectionSpec { consecutive_failures: None, at_most: Ratio::percent(40), ..EjectionSpec::default() }
    }

    #[test]
    fn a_success_rate_far_below_the_others_ejects() {
        // Mean 92.0, σ 14.0: the threshold is 65.4 %.
        let ejector = Ejector::new(&by_rate(), 6);
        let decisions = sweep(&ejector, 1, &[99, 98, 99, 97, 98, 61]);
        let [EjectionDecision::Ejected(ejected)] = decisions[..] else { panic!("{decisions:?}") };
        assert_eq!((ejected.endpoint, ejected.reason), (5, EjectionReason::SuccessRate));
    }

    #[test]
    fn too_few_endpoints_requests_or_deviations_eject_nobody() {
        assert_eq!(sweep(&Ejector::new(&by_rate(), 4), 1, &[99, 98, 99, 10]), []);
        assert_eq!(sweep(&Ejector::new(&by_rate(), 6), 1, &[99, 80, 99, 78, 98, 70]), []);
        assert_eq!(sweep(&Ejector::new(&by_rate(), 6), 1, &[0; 6]), [], "all of them failing is no outlier");
        let rate = SuccessRate { minimum_requests: 101, ..SuccessRate::default() };
        let spec = EjectionSpec { success_rate: Some(rate), ..by_rate() };
        assert_eq!(sweep(&Ejector::new(&spec, 6), 1, &[99, 98, 99, 97, 98, 61]), []);
        let spec = EjectionSpec { success_rate: None, ..by_rate() };
        assert_eq!(sweep(&Ejector::new(&spec, 6), 1, &[99, 98, 99, 97, 98, 61]), []);
    }

    #[test]
    fn a_sweep_looks_at_its_own_requests_only() {
        let ejector = Ejector::new(&by_rate(), 6);
        assert_eq!(sweep(&ejector, 1, &[99; 6]), []);
        assert_eq!(sweep(&ejector, 20, &[99, 99, 99, 99, 99, 30]).len(), 1);
        assert_eq!(sweep(&ejector, 90, &[99; 6]), [], "its bad record went with it");
    }

    #[test]
    fn too_large_a_part_that_failed_ejects_whatever_the_others_did() {
        let percentage = FailurePercentage { minimum_requests: 100, ..FailurePercentage::default() };
        let spec = EjectionSpec { success_rate: None, failure_percentage: Some(percentage), ..by_rate() };
        let decisions = sweep(&Ejector::new(&spec, 5), 1, &[70, 16, 50, 60, 15]);
        let [EjectionDecision::Ejected(ejected)] = decisions[..] else { panic!("{decisions:?}") };
        assert_eq!((ejected.endpoint, ejected.reason), (4, EjectionReason::FailurePercentage));
        // By rate none of them stands out.
        assert_eq!(sweep(&Ejector::new(&by_rate(), 5), 1, &[70, 16, 50, 60, 15]), []);
        assert_eq!(sweep(&Ejector::new(&spec, 4), 1, &[60, 16, 50, 0]), [], "too few endpoints");
    }

    #[test]
    fn a_sweep_ejects_all_that_stand_out_at_once_and_tells_of_one_after_the_other() {
        let spec = EjectionSpec {
            success_rate: None,
            failure_percentage: Some(FailurePercentage::default()),
            ..by_rate()
        };
        let ejector = Ejector::new(&spec, 6);
        // Three of six, and 40 % may be out: the two worst go.
        let [EjectionDecision::Ejected(first)] = sweep(&ejector, 1, &[90, 5, 90, 0, 90, 9])[..] else {
            panic!()
        };
        assert_eq!((first.endpoint, ejector.ejected(at(12))), (3, 2));
        let told: Vec<_> =
            (0..4).filter_map(|_| ejector.settle(0, at(13), LEAST, Outcome::Success)).collect();
        let [EjectionDecision::Ejected(second), EjectionDecision::Withheld(third)] = told[..] else {
            panic!("{told:?}")
        };
        assert_eq!((second.endpoint, third.endpoint, third.because), (1, 5, WithheldBecause::AtMost));
        assert!((at(42)..=at(45)).contains(&second.until), "{second:?}");
    }

    #[test]
    fn the_end_of_a_long_download_ends_no_run_of_failures() {
        let ejector = Ejector::new(&in_a_row(5, "50%"), 2);
        // Their heads were good, long before the endpoint fell ill.
        (0..100).for_each(|_| _ = ejector.settle(0, at(1), LEAST, Outcome::Success));
        // Their ends, one after each failure, decide nothing.
        let decisions: Vec<_> = (0..5).filter_map(|_| ejector.settle(0, at(2), LEAST, FAILURE)).collect();
        let [EjectionDecision::Ejected(_)] = decisions[..] else { panic!("{decisions:?}") };
    }

    #[test]
    fn a_body_that_breaks_off_takes_the_place_of_the_success_that_was_counted() {
        let ejector = Ejector::new(&in_a_row(3, "50%"), 2);
        let standing = || ejector.snapshot(at(1)).next().unwrap();
        for broken in 1..=2 {
            ejector.settle(0, at(1), LEAST, Outcome::Success);
            assert_eq!(ejector.settle_late(0, at(1), LEAST, FAILURE), None);
            assert_eq!((standing().requests, standing().successes), (broken, 0));
            assert_eq!(standing().consecutive_failures, 1, "the head of each was a success");
        }
        ejector.settle_late(0, at(1), LEAST, FAILURE);
        let decision = ejector.settle_late(0, at(1), LEAST, FAILURE);
        assert_eq!(ejected(decision).reason, EjectionReason::ConsecutiveFailures);
    }

    #[test]
    fn a_failure_after_a_sweep_is_counted_in_the_sweep_in_which_it_came() {
        let ejector = Ejector::new(&in_a_row(9, "50%"), 2);
        ejector.settle(0, at(1), LEAST, Outcome::Success);
        ejector.settle(1, at(12), LEAST, Outcome::Success);
        ejector.settle_late(0, at(13), LEAST, FAILURE);
        let standing = ejector.snapshot(at(13)).next().unwrap();
        assert_eq!((standing.requests, standing.successes, standing.consecutive_failures), (1, 0, 1));
    }

    #[test]
    fn a_provisional_head_ends_no_run_by_itself() {
        let ejector = Ejector::new(&in_a_row(3, "50%"), 2);
        let standing = || ejector.snapshot(at(1)).next().unwrap();
        let head = || ejector.settle_provisional(0, at(1), LEAST);
        // A gRPC peer that fails every call, in trailers.
        let mut decisions = vec![];
        for _ in 0..3 {
            decisions.extend(head());
            decisions.extend(ejector.settle_late(0, at(1), LEAST, FAILURE));
        }
        let [EjectionDecision::Ejected(_)] = decisions[..] else { panic!("{decisions:?}") };

        ejector.uneject(0, at(1));
        fail(&ejector, 0, at(1), 2);
        assert_eq!(head(), None);
        assert_eq!((standing().consecutive_failures, standing().successes), (2, 1));
        ejector.settle_late(0, at(1), LEAST, Outcome::Success);
        assert_eq!((standing().consecutive_failures, standing().successes), (0, 1));
        head();
        ejector.settle_late(0, at(1), LEAST, Outcome::Throttled);
        assert_eq!((standing().requests, standing().successes), (3, 1), "throttled counts for nothing");
    }

    #[test]
    fn its_size_is_as_stated() {
        assert_eq!((size_of::<Endpoint>(), size_of::<Ejector>()), (64, 112));
    }

    proptest! {
        #[test]
        fn no_more_are_out_than_may_be(
            endpoints in 1u32..9, percent in 0u8..=100, limit in 1u32..4,
            steps in prop::collection::vec((0u32..9, 0u64..8, 0u8..4, any::<u64>()), 1..300),
        ) {
            let at_most = Ratio::percent(percent);
            let ejector = Ejector::new(&EjectionSpec { at_most, ..in_a_row(limit, "0%") }, endpoints);
            let allowed = (u32::from(percent) * endpoints / 100).max(1).min(endpoints - 1);
            let mut seconds = 0;
            for (endpoint, gap, kind, bits) in steps {
                seconds += gap;
                let outcome = if kind == 0 { Outcome::Success } else { FAILURE };
                let decision = ejector.settle(endpoint % endpoints, at(seconds), Draw::new(bits), outcome);
                prop_assert!(ejector.ejected(at(seconds)) <= allowed);
                if let Some(EjectionDecision::Withheld(withheld)) = decision {
                    prop_assert_eq!(ejector.ejected(at(seconds)), allowed);
                    prop_assert!(!ejector.is_ejected(withheld.endpoint, at(seconds)));
                }
            }
        }
    }
}

#[cfg(loom)]
mod together {
    use super::*;
    use loom::{sync::Arc, thread};

    /// Two of three fail at once, and one may be out.
    #[test]
    fn loom_no_two_are_ejected_where_one_may_be() {
        loom::model(|| {
            let ejector = Arc::new(Ejector::new(&in_a_row(1, "34%"), 3));
            let other = thread::spawn({
                let ejector = Arc::clone(&ejector);
                move || ejector.settle(1, at(1), LEAST, FAILURE)
            });
            let mine = ejector.settle(0, at(1), LEAST, FAILURE);
            let theirs = other.join().unwrap();
            let out = |decision| u32::from(matches!(decision, Some(EjectionDecision::Ejected(_))));
            assert_eq!(out(mine) + out(theirs), 1);
            assert_eq!(ejector.ejected(at(1)), 1);
        });
    }

    /// The same endpoint is ejected once, and for one time's length.
    #[test]
    fn loom_one_endpoint_is_ejected_once() {
        loom::model(|| {
            let ejector = Arc::new(Ejector::new(&in_a_row(1, "50%"), 2));
            let other = thread::spawn({
                let ejector = Arc::clone(&ejector);
                move || ejector.settle(0, at(1), LEAST, FAILURE)
            });
            let mine = ejector.settle(0, at(1), LEAST, FAILURE);
            let theirs = other.join().unwrap();
            assert!(mine.is_some() ^ theirs.is_some());
            let standing = ejector.snapshot(at(1)).next().unwrap();
            assert_eq!((standing.times, standing.ejected_until), (1, Some(at(31))));
        });
    }

    /// A sweep that two find due happens once: one ejection is lived down, not two.
    #[test]
    fn loom_a_sweep_happens_once() {
        loom::model(|| {
            let ejector = Arc::new(Ejector::new(&in_a_row(1, "50%"), 2));
            ejector.settle(1, at(0), LEAST, Outcome::Success);
            ejector.endpoints[0].eject(at(0), 2);
            let other = thread::spawn({
                let ejector = Arc::clone(&ejector);
                move || ejector.settle(1, at(11), LEAST, Outcome::Success)
            });
            ejector.settle(1, at(11), LEAST, Outcome::Success);
            other.join().unwrap();
            assert_eq!(ejector.snapshot(at(11)).next().unwrap().times, 1);
        });
    }

    /// A body that breaks off while a sweep closes the tally that its head is in: the failure is counted once, in the old
    /// tally or in the new one, and no count runs below zero.
    #[test]
    fn loom_a_late_failure_meets_a_sweep() {
        loom::model(|| {
            let endpoint = Arc::new(Endpoint::new());
            endpoint.succeeded();
            let other = thread::spawn({
                let endpoint = Arc::clone(&endpoint);
                move || endpoint.failed_late()
            });
            endpoint.close_tally();
            other.join().unwrap();
            let now = endpoint.standing(at(1));
            let swept = endpoint.swept_rate();
            // Before the sweep: converted there. After it: a request of its own.
            let before = swept == Some((1, 0.0)) && (now.requests, now.successes) == (0, 0);
            let after = swept == Some((1, 100.0)) && (now.requests, now.successes) == (1, 0);
            assert!(before || after, "{swept:?} {now:?}");
        });
    }
}
