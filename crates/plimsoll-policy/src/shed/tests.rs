use super::*;
use crate::{Cohort, Priority};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn ask(tier: u8, cohort: u8) -> Ask {
    let cohort = Cohort::from_hash(u64::from(cohort) << 57);
    Ask { priority: Priority::new(tier).unwrap(), cohort, ..Ask::default() }
}

/// A delay a millisecond, for so long, while `per_ms` calls come that are spread over the cohorts of a tier.
fn stand(shedder: &Shedder, from: u64, millis: u64, delay: Duration, tier: u8) {
    for now in from..from + millis {
        for call in 0..16 {
            let cohort = (now * 16 + call) % 128;
            let _ = shedder.admit(at(now), ask(tier, cohort as u8), Draw::new(now << 40).split());
        }
        shedder.waited(at(now), delay);
    }
}

#[test]
fn a_queue_stands_when_its_least_delay_stays_above_the_target_for_an_interval() {
    let shedder = Shedder::new(ShedSpec::default());
    stand(&shedder, 1, 100, 6 * MS, 2);
    assert!(!shedder.overloaded(at(100)), "the interval is not over");
    shedder.waited(at(101), 6 * MS);
    assert!(shedder.overloaded(at(101)));
    assert_eq!(shedder.order(at(101)), QueueOrder::NewestFirst { drop_after: 10 * MS });
    // One call that did not wait is proof enough.
    stand(&shedder, 102, 50, 60 * MS, 2);
    shedder.waited(at(152), 5 * MS);
    stand(&shedder, 153, 60, 60 * MS, 2);
    assert!(!shedder.overloaded(at(213)));
    assert_eq!(shedder.order(at(213)), QueueOrder::OldestFirst);
}

#[test]
fn silence_is_calm() {
    let shedder = Shedder::new(ShedSpec::default());
    stand(&shedder, 1, 101, 50 * MS, 2);
    assert!(shedder.overloaded(at(300)));
    assert!(!shedder.overloaded(at(301)), "two intervals without a word");
    // A single slow call after a long rest is no standing queue.
    shedder.waited(at(9000), 50 * MS);
    assert!(!shedder.overloaded(at(9000)));
    assert!(shedder.admit(at(9001), ask(5, 127), Draw::new(u64::MAX)).is_ok());
}

#[test]
fn a_line_that_moves_slower_than_its_interval_is_standing() {
    let shedder = Shedder::new(ShedSpec::default());
    // One call leaves every 250 ms, each after a second in the queue.
    for now in (1..=2_001).step_by(250) {
        shedder.waited(at(now), 1000 * MS);
        assert!(shedder.overloaded(at(now)), "at {now}");
    }
    // An interval of standing is needed: who waited for less says nothing of the silence before.
    let shedder = Shedder::new(ShedSpec::default());
    for now in (1..=2_001).step_by(250) {
        shedder.waited(at(now), 99 * MS);
        assert!(!shedder.overloaded(at(now)));
    }
}

#[test]
fn a_line_that_does_not_move_at_all_is_standing() {
    let shedder = Shedder::new(ShedSpec::default());
    shedder.waited(at(1), Duration::ZERO);
    // No call leaves any more; each newcomer finds an older first waiter.
    for now in (2..100).step_by(7) {
        shedder.standing(at(now), MS * now as u32);
    }
    shedder.standing(at(101), 100 * MS);
    assert!(!shedder.overloaded(at(101)), "in this interval one call did not wait");
    for now in (102..=201).step_by(9) {
        shedder.standing(at(now), MS * now as u32);
    }
    shedder.standing(at(202), 202 * MS);
    assert!(shedder.overloaded(at(202)));
    assert!(matches!(shedder.order(at(202)), QueueOrder::NewestFirst { .. }));
    // One call that leaves at once is proof of the contrary, whoever else is still there.
    shedder.waited(at(203), Duration::ZERO);
    shedder.standing(at(204), 204 * MS);
    shedder.standing(at(303), 303 * MS);
    assert!(!shedder.overloaded(at(303)));
}

#[test]
fn how_young_the_first_in_line_is_proves_nothing() {
    let shedder = Shedder::new(ShedSpec::default());
    for now in 1..=101 {
        shedder.waited(at(now), 50 * MS);
        shedder.standing(at(now), MS);
    }
    assert!(shedder.overloaded(at(101)));
}

/// folly's `Codel`, step by step: the least delay is judged by the first call after the interval, and begins with it.
struct Folly {
    least: u64,
    ends: u64,
    reset: bool,
    overloaded: bool,
}

impl Folly {
    /// Returns whether this call would be dropped.
    fn overloaded(&mut self, now: u64, delay: u64, (target, interval): (u64, u64)) -> bool {
        let least = self.least;
        if now > self.ends && !self.reset {
            self.reset = true;
            self.ends = now + interval;
            self.overloaded = least > target;
        }
        if self.reset {
            self.reset = false;
            self.least = delay;
            return false;
        }
        self.least = self.least.min(delay);
        self.overloaded && delay > 2 * target
    }
}

#[test]
fn the_cut_is_five_per_cent_an_interval_from_the_least_important_end() {
    let shedder = Shedder::new(ShedSpec::default());
    stand(&shedder, 1, 202, 50 * MS, 2);
    let shown = shedder.snapshot(at(202));
    assert!((shown.admitted - 0.95).abs() < 0.01, "{shown:?}");
    assert_eq!(shown.least_delay, Some(50 * MS));
    stand(&shedder, 203, 100, 50 * MS, 2);
    let shown = shedder.snapshot(at(303));
    assert!((shown.admitted - 0.9025).abs() < 0.01, "0.95²: {shown:?}");
    // 128 cohorts, of which the last tenth goes.
    assert!(shedder.admit(at(303), ask(2, 110), Draw::new(u64::MAX)).is_ok());
    let rejected = shedder.admit(at(303), ask(2, 120), Draw::new(0)).unwrap_err();
    assert_eq!((rejected.by, rejected.reason), (Machine::Shed, Reason::Overloaded));
    assert_eq!(rejected.retry_after, Some(MS * 1000), "ten per cent at one an interval");
    assert!(shedder.admit(at(303), ask(3, 0), Draw::new(0)).is_err(), "a lesser tier goes before");
    assert!(shedder.admit(at(303), ask(1, 127), Draw::new(0)).is_ok(), "a better one stays");
}

#[test]
fn the_critical_tier_is_never_shed() {
    let shedder = Shedder::new(ShedSpec::default());
    stand(&shedder, 1, 60_000, 50 * MS, 0);
    assert!(shedder.admit(at(60_001), ask(0, 127), Draw::new(u64::MAX)).is_ok());
    assert!(shedder.admit(at(60_001), ask(2, 0), Draw::new(0)).is_err());
}

#[test]
fn it_comes_back_by_itself_by_one_per_cent_an_interval() {
    let shedder = Shedder::new(ShedSpec::default());
    stand(&shedder, 1, 1_502, 50 * MS, 2);
    let low = shedder.snapshot(at(1_502)).admitted;
    assert!((low - 0.95f64.powi(14)).abs() < 0.02, "{low}");
    stand(&shedder, 1_503, 1_000, Duration::ZERO, 2);
    let risen = shedder.snapshot(at(2_503)).admitted;
    assert!((0.07..0.11).contains(&(risen - low)), "{low} to {risen}");
    stand(&shedder, 2_503, 6_000, Duration::ZERO, 2);
    assert!((shedder.snapshot(at(8_503)).admitted - 1.0).abs() < 1e-9);
    assert_eq!(shedder.cursor.load(Relaxed), Cursor::CALM.0, "and costs one load again");
}

#[test]
fn it_comes_back_where_nothing_is_heard_any_more() {
    let shedder = Shedder::new(ShedSpec::default());
    stand(&shedder, 1, 5_000, 50 * MS, 2);
    let last = ask(2, 127);
    assert!(shedder.admit(at(5_001), last, Draw::new(0)).is_err());
    // Only callers who are turned away, nobody who waits: the time that passes is enough.
    let mut now = 5_001;
    while shedder.admit(at(now), last, Draw::new(0)).is_err() {
        now += 10;
        assert!(now < 16_000, "within a hundred intervals");
    }
}

#[test]
fn one_cohort_alone_is_cut_by_the_draw() {
    let shedder = Shedder::new(ShedSpec::default());
    let (mut draw, mut through) = (Draw::new(9), 0u32);
    for now in 1..=1_502 {
        for _ in 0..4 {
            draw = draw.split();
            let _ = shedder.admit(at(now), ask(2, 0), draw);
        }
        shedder.waited(at(now), 50 * MS);
    }
    for _ in 0..1000 {
        draw = draw.split();
        through += u32::from(shedder.admit(at(1_503), ask(2, 0), draw).is_ok());
    }
    // 0.95¹⁴ = 0.488.
    assert!((430..550).contains(&through), "{through}");
}

#[test]
fn new_thresholds_keep_the_cursor() {
    let shedder = Shedder::new(ShedSpec::default());
    stand(&shedder, 1, 1_000, 50 * MS, 2);
    let before = shedder.snapshot(at(1_000));
    let spec = ShedSpec { target: 80 * MS, interval: 50 * MS };
    shedder.update(spec);
    let after = shedder.snapshot(at(1_000));
    assert_eq!((after.spec, after.admitted.to_bits()), (spec, before.admitted.to_bits()));
    stand(&shedder, 1_001, 200, 50 * MS, 2);
    assert!(!shedder.overloaded(at(1_201)), "50 ms is below the target now");
}

/// Tasks of two calls come at twice what can be served. The share of tasks of which both calls were let through.
fn tasks_done(consistent: bool) -> f64 {
    let shedder = Shedder::new(ShedSpec::default());
    let (mut draw, mut queue) = (Draw::new(3), 0u64);
    let (mut tasks, mut done) = (0u32, 0u32);
    for tick in 1..=600_000u64 {
        // A tenth of a millisecond: one task of two calls comes, one call is served.
        let now = Instant::from_nanos(tick * 100_000);
        let user = draw.bits();
        let mut passed = 0;
        for _ in 0..2 {
            draw = draw.split();
            let cohort = Cohort::from_hash(if consistent { user } else { draw.bits() });
            let ask = Ask { cohort, ..Ask::default() };
            if shedder.admit(now, ask, draw.split()).is_ok() {
                passed += 1;
                queue += 1;
            }
        }
        shedder.waited(now, Duration::from_nanos(queue * 100_000));
        queue = queue.saturating_sub(1);
        if tick > 100_000 {
            tasks += 1;
            done += u32::from(passed == 2);
        }
    }
    f64::from(done) / f64::from(tasks)
}

#[test]
fn cohorts_save_twice_as_many_tasks_as_chance() {
    let (consistent, random) = (tasks_done(true), tasks_done(false));
    assert!((0.42..=0.52).contains(&consistent), "{consistent}");
    assert!((0.17..=0.27).contains(&random), "{random}");
    assert!(consistent > 1.8 * random, "{consistent} to {random}");
}

proptest! {
    /// As long as calls leave the queue in every interval. (In one without any, folly goes on with the delay before;
    /// here silence is calm, unless a call was in the queue for all of it.) Told apart: folly lets the first call of an
    /// interval go however late it is, and begins its first interval with its construction.
    #[test]
    fn judges_as_folly_does_call_by_call(
        steps in prop::collection::vec((1u64..99_999_999, prop_oneof![0u64..5_000_001, 0u64..60_000_000]), 1..400),
    ) {
        let shedder = Shedder::new(ShedSpec::default());
        let spec = (5_000_000, 100_000_000);
        let mut now = 1;
        let mut folly = Folly { least: 0, ends: now + spec.1 - 1, reset: true, overloaded: false };
        for (at, (gap, delay)) in steps.into_iter().enumerate() {
            // The gap to the call after next is an interval at most, too.
            now += if at == 0 { 0 } else { gap / 2 + 1 };
            let instant = Instant::from_nanos(now);
            // At the instant at which it ends, an interval is over here and not yet there.
            folly.ends -= u64::from(folly.ends == now);
            let dropped = folly.overloaded(now, delay, spec);
            shedder.waited(instant, Duration::from_nanos(delay));
            prop_assert_eq!(shedder.overloaded(instant), folly.overloaded);
            if let (QueueOrder::NewestFirst { drop_after }, true) = (shedder.order(instant), dropped) {
                prop_assert!(Duration::from_nanos(delay) > drop_after);
            }
        }
    }

    #[test]
    fn a_better_call_is_never_shed_before_a_lesser_one(
        delays in proptest::collection::vec((0..20u64, 0..40u64, 0..6u8), 1..400),
        (better, lesser) in ((0..6u8, 0..128u8), (0..6u8, 0..128u8)),
        bits: u64,
    ) {
        let shedder = Shedder::new(ShedSpec::default());
        let mut now = 1;
        for (pass, delay, tier) in delays {
            now += pass;
            let _ = shedder.admit(at(now), ask(tier, (now % 128) as u8), Draw::new(bits));
            shedder.waited(at(now), MS * delay as u32);
        }
        let (better, lesser) = (better.min(lesser), better.max(lesser));
        let ask = |(tier, cohort)| ask(tier, cohort);
        let first = shedder.admit(at(now), ask(better), Draw::new(bits));
        let second = shedder.admit(at(now), ask(lesser), Draw::new(bits));
        prop_assert!(first.is_ok() || second.is_err());
    }
}
