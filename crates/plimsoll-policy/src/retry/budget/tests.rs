use super::*;

fn spec(ratio: &str, reserve: u32, hedges: &str) -> BudgetSpec {
    BudgetSpec { ratio: ratio.parse().unwrap(), reserve, hedges: hedges.parse().unwrap() }
}

fn at(seconds: f64) -> Instant {
    Instant::ORIGIN + Duration::from_secs_f64(seconds)
}

#[cfg(not(loom))]
fn drawn(budget: &RetryBudget, now: Instant) -> u64 {
    std::iter::repeat_with(|| budget.withdraw(now)).take_while(|granted| *granted).count() as u64
}

#[cfg(not(loom))]
mod alone {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_ratio_means_itself_at_every_size() {
        // tower#857: a deposit of 1/ratio in whole numbers makes 60 % of 100 %, and 34 % of 50 %.
        for (ratio, calls, retries) in
            [("60%", 1000, 600), ("34%", 100, 34), ("60%", 5, 3), ("99.9%", 1000, 999)]
        {
            let budget = RetryBudget::new(spec(ratio, 0, "0%"));
            (0..calls).for_each(|_| budget.deposit(at(3.0)));
            assert_eq!(budget.balance(at(3.0)), retries, "{ratio}");
            assert_eq!(drawn(&budget, at(3.0)), retries, "{ratio}");
            assert_eq!(budget.balance(at(3.0)), 0);
        }
    }

    #[test]
    fn without_calls_the_reserve_is_what_there_is() {
        let budget = RetryBudget::new(spec("20%", 10, "5%"));
        assert_eq!(drawn(&budget, at(0.0)), 100);
        assert_eq!(drawn(&budget, at(9.9)), 0);
        assert_eq!(drawn(&budget, at(10.2)), 100);
    }

    #[test]
    fn what_calls_paid_in_expires() {
        let budget = RetryBudget::new(spec("20%", 0, "0%"));
        (0..50).for_each(|_| budget.deposit(at(1.0)));
        assert_eq!(budget.balance(at(10.7)), 10);
        assert_eq!(budget.balance(at(11.0)), 0);
        assert_eq!(drawn(&budget, at(1e6)), 0);
    }

    #[test]
    fn a_steady_load_has_nearly_its_whole_ratio() {
        let budget = RetryBudget::new(spec("20%", 0, "0%"));
        let mut granted = 0;
        for call in 0..100_000 {
            let now = at(f64::from(call) / 1000.0);
            budget.deposit(now);
            granted += u32::from(budget.withdraw(now));
        }
        assert!((19_000..=20_000).contains(&granted), "{granted}");
    }

    #[test]
    fn hedges_share_the_balance_and_have_a_cap_of_their_own() {
        let budget = RetryBudget::new(spec("20%", 0, "5%"));
        (0..1000).for_each(|_| budget.deposit(at(0.0)));
        let hedges = std::iter::repeat_with(|| budget.withdraw_hedge(at(1.0))).take_while(|ok| *ok).count();
        assert_eq!(hedges, 50);
        assert_eq!(drawn(&budget, at(1.0)), 150);

        let budget = RetryBudget::new(spec("4%", 0, "5%"));
        (0..1000).for_each(|_| budget.deposit(at(0.0)));
        assert_eq!(drawn(&budget, at(1.0)), 40);
        assert!(!budget.withdraw_hedge(at(1.0)), "retries have drawn the common balance");
    }

    #[test]
    fn the_reserve_is_not_for_hedges() {
        let budget = RetryBudget::new(spec("20%", 10, "5%"));
        (0..19).for_each(|_| budget.deposit(at(0.0)));
        assert!(!budget.withdraw_hedge(at(0.0)));
        budget.deposit(at(0.0));
        assert!(budget.withdraw_hedge(at(0.0)));
    }

    #[test]
    fn new_thresholds_keep_what_was_paid_in() {
        let budget = RetryBudget::new(spec("10%", 0, "0%"));
        (0..100).for_each(|_| budget.deposit(at(0.0)));
        assert_eq!(drawn(&budget, at(0.0)), 10);
        budget.update(spec("50%", 1, "5%"));
        let seen = budget.snapshot(at(0.0));
        assert_eq!((seen.calls, seen.retries, seen.hedges, seen.balance), (100, 10, 0, 50));
        assert_eq!(seen.spec, spec("50%", 1, "5%"));
    }

    #[test]
    fn any_origin_of_time_will_do() {
        let budget = RetryBudget::new(spec("100%", 0, "0%"));
        for now in [Instant::FAR - Duration::from_hours(1), Instant::FAR] {
            budget.deposit(now);
            assert_eq!(drawn(&budget, now), 1);
        }
    }

    #[test]
    fn a_policy_has_one_budget() {
        let (retry, hedge) = (RetrySpec::default(), HedgeSpec::default());
        assert_eq!(BudgetSpec::from_specs(Some(&retry), Some(&hedge)), spec("20%", 10, "5%"));
        assert_eq!(BudgetSpec::from_specs(Some(&retry), None), spec("20%", 10, "0%"));
        assert_eq!(BudgetSpec::from_specs(None, Some(&hedge)), spec("5%", 0, "5%"));
    }

    #[test]
    fn its_size_is_as_stated() {
        assert_eq!(size_of::<RetryBudget>(), 1248);
    }

    /// Finagle's `RetryBudget` over its `WindowedAdder`: a call puts a thousand tokens into the running slice of a second, a
    /// retry takes `1000 / ratio` out of it, and ten slices count, the running one among them.
    struct Finagle {
        withdrawal: i64,
        reserve: i64,
        slices: [i64; 10],
        slice: u64,
    }

    impl Finagle {
        fn new(ratio: f64, min_retries_per_sec: i64) -> Self {
            let withdrawal = (1000.0 / ratio) as i64;
            Self { withdrawal, reserve: min_retries_per_sec * 10 * withdrawal, slices: [0; 10], slice: 0 }
        }

        fn turn(&mut self, millis: u64) {
            while self.slice < millis / 1000 {
                self.slice += 1;
                self.slices[self.slice as usize % 10] = 0;
            }
        }

        fn deposit(&mut self, millis: u64) {
            self.turn(millis);
            self.slices[self.slice as usize % 10] += 1000;
        }

        fn try_withdraw(&mut self, millis: u64) -> bool {
            self.turn(millis);
            let granted = self.slices.iter().sum::<i64>() + self.reserve >= self.withdrawal;
            self.slices[self.slice as usize % 10] -= if granted { self.withdrawal } else { 0 };
            granted
        }
    }

    /// How many of a minute's retries each grants, under a load that wants more of them than there are.
    #[test]
    fn grants_as_many_as_finagle_in_the_long_run_and_never_more_than_its_ratio() {
        let budget = RetryBudget::new(spec("20%", 1, "0%"));
        let mut finagle = Finagle::new(0.2, 1);
        let (mut ours, mut theirs) = (0u32, 0u32);
        for call in 0..60_000u64 {
            let now = Instant::ORIGIN + Duration::from_millis(call);
            budget.deposit(now);
            finagle.deposit(call);
            if call % 2 == 0 {
                ours += u32::from(budget.withdraw(now));
                theirs += u32::from(finagle.try_withdraw(call));
            }
        }
        // There a withdrawal leaves with its slice, and what it had drawn on may have left before: some calls pay twice.
        assert!(ours <= 12_000 + 70 && ours * 100 >= theirs * 95, "{ours} and {theirs}");
    }

    proptest! {
        /// As long as nothing is old enough to expire, in either. The ratios are some whose inverse Finagle does not cut.
        #[test]
        fn decides_as_finagle_does(
            ratio in prop_oneof![Just("10%"), Just("20%"), Just("25%"), Just("50%"), Just("100%")],
            reserve in 0u32..3,
            steps in prop::collection::vec((0u64..40, any::<bool>()), 1..220),
        ) {
            let budget = RetryBudget::new(spec(ratio, reserve, "0%"));
            let part = ratio.parse::<Ratio>().unwrap().get();
            let (mut finagle, mut millis) = (Finagle::new(part, reserve.into()), 0);
            for (gap, call) in steps {
                millis += gap;
                let now = Instant::ORIGIN + Duration::from_millis(millis);
                if call {
                    budget.deposit(now);
                    finagle.deposit(millis);
                } else {
                    prop_assert_eq!(budget.withdraw(now), finagle.try_withdraw(millis));
                }
            }
        }

        /// The bound is held against an exact record of everything that happened.
        #[test]
        fn withdrawals_of_any_window_stay_within_the_bound(
            permille in 0u32..=1000, hedge_permille in 0u32..=1000, reserve in 0u32..5,
            steps in prop::collection::vec((0u64..700, 0u8..4), 1..600),
        ) {
            let ratio = |permille: u32| Ratio::try_from(f64::from(permille) / 1000.0).unwrap();
            let budget = RetryBudget::new(BudgetSpec {
                ratio: ratio(permille), reserve, hedges: ratio(hedge_permille),
            });
            let (mut now, mut calls, mut spent, mut hedges) = (0u64, vec![], vec![], vec![]);
            let recent = |times: &[u64], now: u64| times.iter().filter(|time| **time + 10_000 > now).count() as u64;
            for (gap, step) in steps {
                now += gap;
                let instant = Instant::from_nanos(now * 1_000_000);
                match step {
                    0 => calls.extend(std::iter::repeat_n(now, 7).inspect(|_| budget.deposit(instant))),
                    1 => if budget.withdraw_hedge(instant) { hedges.push(now); spent.push(now) },
                    _ => if budget.withdraw(instant) { spent.push(now) },
                }
                if spent.last() == Some(&now) {
                    let allowed = recent(&calls, now) * u64::from(permille) / 1000 + 10 * u64::from(reserve);
                    prop_assert!(recent(&spent, now) <= allowed, "{} > {allowed}", recent(&spent, now));
                }
                if hedges.last() == Some(&now) {
                    let allowed = recent(&calls, now) * u64::from(hedge_permille) / 1000;
                    prop_assert!(recent(&hedges, now) <= allowed);
                }
            }
        }
    }
}

#[cfg(loom)]
mod together {
    use super::*;
    use loom::{sync::Arc, thread};

    /// Two withdraw the last unit, one of them in the next stretch: places differ, and still only one may have it.
    #[test]
    fn loom_the_last_unit_is_granted_once() {
        loom::model(|| {
            let budget = Arc::new(RetryBudget::new(spec("100%", 0, "0%")));
            budget.deposit(at(4.0));
            let other = thread::spawn({
                let budget = Arc::clone(&budget);
                move || budget.withdraw(at(6.0))
            });
            let mine = budget.withdraw(at(4.0));
            let theirs = other.join().unwrap();
            assert!(!(mine && theirs));
        });
    }

    /// In the same place there is no tie in which both lose.
    #[test]
    fn loom_a_unit_is_not_lost_between_two() {
        loom::model(|| {
            let budget = Arc::new(RetryBudget::new(spec("100%", 0, "0%")));
            budget.deposit(at(1.0));
            let other = thread::spawn({
                let budget = Arc::clone(&budget);
                move || budget.withdraw(at(1.0))
            });
            let mine = budget.withdraw(at(1.0));
            assert!(mine ^ other.join().unwrap());
        });
    }

    /// Deposits that meet while a stretch begins are all counted.
    #[test]
    fn loom_deposits_at_a_turn_are_not_lost() {
        loom::model(|| {
            let budget = Arc::new(RetryBudget::new(spec("100%", 0, "0%")));
            let other = thread::spawn({
                let budget = Arc::clone(&budget);
                move || budget.deposit(at(21.0))
            });
            budget.deposit(at(21.0));
            other.join().unwrap();
            assert_eq!(budget.balance(at(21.0)), 2);
        });
    }
}
