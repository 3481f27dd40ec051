//! Envoy's outlier detection, written down a second time from its source, and the ejector held against it.
//!
//! The transcription follows `DetectorImpl` of `source/common/upstream/outlier_detection_impl.cc` function by function and
//! under its names, in the plainest form: floating point, vectors, no atomics, no bounds but its own. Where the ejector
//! differs on purpose, the line that makes the transcription differ too is marked "Differs" and named in the docs of
//! [`crate::ejection`].

use super::*;
use crate::{
    Failure,
    ejection::{FailurePercentage, SuccessRate},
    units::Ratio,
};
use proptest::prelude::*;
use std::num::NonZeroU32;

const SECOND: u64 = 1_000_000_000;

#[derive(Clone, Default, Debug)]
struct Monitor {
    failed_outlier_check: bool,
    consecutive_5xx: u32,
    eject_time_backoff: u64,
    last_ejection: u64,
    last_unejection: Option<u64>,
    jitter: u64,
    /// Requests and successes: those being counted, and those of the interval before.
    current: (u64, u64),
    backup: (u64, u64),
}

struct Detector {
    spec: EjectionSpec,
    hosts: Vec<Monitor>,
    timer: Option<u64>,
    random: Draw,
}

impl Detector {
    fn new(spec: EjectionSpec, hosts: usize) -> Self {
        Self { spec, hosts: vec![Monitor::default(); hosts], timer: None, random: Draw::new(0) }
    }

    fn ejections_active(&self) -> usize {
        self.hosts.iter().filter(|host| host.failed_outlier_check).count()
    }

    fn put_result(&mut self, host: usize, now: u64, success: bool) {
        // Differs (no timer): ejections end by the time in them.
        (0..self.hosts.len()).for_each(|host| self.check_host_for_uneject(host, now));
        // Differs (a clean record): what is heard of an ejected host does not count.
        if self.hosts[host].failed_outlier_check {
            return;
        }
        let monitor = &mut self.hosts[host];
        monitor.current.0 += 1;
        if success {
            monitor.current.1 += 1;
            monitor.consecutive_5xx = 0;
        } else {
            monitor.consecutive_5xx += 1;
            if self.spec.consecutive_failures.is_some_and(|limit| monitor.consecutive_5xx == limit.get()) {
                self.on_consecutive_error(host, now);
                // Differs (no timer): the failure that ejects makes no sweep; the next attempt does.
                return;
            }
        }
        // Differs (no timer): the timer fires with the first attempt that is settled after it is due.
        match self.timer {
            None => self.timer = Some(now + self.interval()),
            Some(due) if now >= due => self.on_interval_timer(now, due - self.interval()),
            Some(_) => {}
        }
    }

    fn interval(&self) -> u64 {
        self.spec.sweep.as_nanos() as u64
    }

    fn base(&self) -> u64 {
        self.spec.duration.as_nanos() as u64
    }

    fn max(&self) -> u64 {
        self.spec.max_duration.as_nanos() as u64
    }

    fn on_consecutive_error(&mut self, host: usize, now: u64) {
        self.eject_host(host, now);
        self.hosts[host].consecutive_5xx = 0;
    }

    fn check_host_for_uneject(&mut self, host: usize, now: u64) {
        let monitor = &self.hosts[host];
        if !monitor.failed_outlier_check {
            return;
        }
        let time = (self.base() * monitor.eject_time_backoff).min(self.max());
        let ends = monitor.last_ejection + time + monitor.jitter;
        if ends <= now {
            let monitor = &mut self.hosts[host];
            monitor.failed_outlier_check = false;
            monitor.consecutive_5xx = 0;
            // Differs (no timer): back when its time ended, not when that was noticed.
            monitor.last_unejection = Some(ends);
        }
    }

    fn eject_host(&mut self, host: usize, now: u64) {
        let ejected_percent = 100.0 * (self.ejections_active() + 1) as f64 / self.hosts.len() as f64;
        let mut should_eject = ejected_percent <= (self.spec.at_most.get() * 100.0).round();
        // Differs (one may always be out): always_eject_one_host is on.
        should_eject |= self.ejections_active() == 0;
        // Differs (the last endpoint stays).
        should_eject &= self.ejections_active() + 1 < self.hosts.len();
        if should_eject {
            let (base, max) = (self.base(), self.max());
            let monitor = &mut self.hosts[host];
            monitor.failed_outlier_check = true;
            monitor.last_ejection = now;
            if monitor.eject_time_backoff * base < max + base {
                monitor.eject_time_backoff += 1;
            }
            // Differs (jitter in proportion).
            let time = (base * monitor.eject_time_backoff).min(max);
            monitor.jitter = self.random.below(time / 10 + 1);
            // Differs (a clean record).
            monitor.current = (0, 0);
        }
        self.random = self.random.split();
    }

    fn success_rate_ejection_threshold(sum: f64, valid: &[(usize, f64)], factor: f64) -> f64 {
        let mean = sum / valid.len() as f64;
        let mut variance = 0.0;
        for (_, rate) in valid {
            variance += (rate - mean).powi(2);
        }
        variance /= valid.len() as f64;
        mean - factor * variance.sqrt()
    }

    fn process_success_rate_ejections(&mut self, now: u64) {
        // An absent rule is one that no number of hosts is enough for.
        let never = u32::MAX;
        let rate = self
            .spec
            .success_rate
            .unwrap_or(SuccessRate { minimum_endpoints: never, ..SuccessRate::default() });
        let percentage = self
            .spec
            .failure_percentage
            .unwrap_or(FailurePercentage { minimum_endpoints: never, ..FailurePercentage::default() });
        let mut valid_success_rate = vec![];
        let mut valid_failure_percentage = vec![];
        let mut sum = 0.0;
        for (index, host) in self.hosts.iter().enumerate() {
            if host.failed_outlier_check || host.backup.0 == 0 {
                continue;
            }
            let success_rate = host.backup.1 as f64 * 100.0 / host.backup.0 as f64;
            if host.backup.0 >= rate.minimum_requests.into() {
                valid_success_rate.push((index, success_rate));
                sum += success_rate;
            }
            if host.backup.0 >= percentage.minimum_requests.into() {
                valid_failure_percentage.push((index, success_rate));
            }
        }
        // Differs (the worst first); the sort keeps the order of equals.
        let worst_first = |valid: &[(usize, f64)]| {
            let mut sorted = valid.to_vec();
            sorted.sort_by(|one, other| one.1.partial_cmp(&other.1).unwrap());
            sorted
        };
        if !valid_success_rate.is_empty() && valid_success_rate.len() >= rate.minimum_endpoints as usize {
            let threshold = Self::success_rate_ejection_threshold(sum, &valid_success_rate, rate.deviations);
            for (host, success_rate) in worst_first(&valid_success_rate) {
                if success_rate < threshold {
                    self.eject_host(host, now);
                }
            }
        }
        if !valid_failure_percentage.is_empty()
            && valid_failure_percentage.len() >= percentage.minimum_endpoints as usize
        {
            for (host, success_rate) in worst_first(&valid_failure_percentage) {
                // Differs (once a sweep).
                if 100.0 - success_rate >= (percentage.threshold.get() * 100.0).round() {
                    if self.hosts[host].failed_outlier_check {
                        self.random = self.random.split();
                    } else {
                        self.eject_host(host, now);
                    }
                }
            }
        }
    }

    fn on_interval_timer(&mut self, now: u64, last: u64) {
        for host in &mut self.hosts {
            host.backup = std::mem::take(&mut host.current);
        }
        self.process_success_rate_ejections(now);
        let interval = self.interval();
        for host in &mut self.hosts {
            if let Some(unejected) = host.last_unejection.filter(|_| !host.failed_outlier_check) {
                // Differs (no timer): as often as the timer would have fired since.
                let intervals = (now - unejected.max(last)) / interval;
                host.eject_time_backoff = host.eject_time_backoff.saturating_sub(intervals);
            }
        }
        self.timer = Some(now + interval);
    }
}

fn spec() -> impl Strategy<Value = EjectionSpec> {
    let rate = prop::option::of((0.3..2.5f64, 1u32..6, 1u32..20)).prop_map(|rate| {
        rate.map(|(deviations, minimum_endpoints, minimum_requests)| SuccessRate {
            deviations,
            minimum_endpoints,
            minimum_requests,
        })
    });
    let percentage = prop::option::of((1u8..=100, 1u32..6, 1u32..20)).prop_map(|percentage| {
        percentage.map(|(threshold, minimum_endpoints, minimum_requests)| FailurePercentage {
            threshold: Ratio::percent(threshold),
            minimum_endpoints,
            minimum_requests,
        })
    });
    let times = (1u64..40, 0u64..120, 1u64..15);
    (prop::option::of(1u32..7), times, 0u8..=100, rate, percentage).prop_map(
        |(consecutive, (duration, more, sweep), at_most, success_rate, failure_percentage)| EjectionSpec {
            consecutive_failures: consecutive.and_then(NonZeroU32::new),
            duration: Duration::from_secs(duration),
            max_duration: Duration::from_secs(duration + more),
            at_most: Ratio::percent(at_most),
            sweep: Duration::from_secs(sweep),
            success_rate,
            failure_percentage,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn every_decision_is_envoys(
        spec in spec(), ill in prop::collection::vec(0u8..=100, 1..9),
        steps in prop::collection::vec((any::<u64>(), 0u64..2_000, 0u8..100), 1..600),
    ) {
        let ours = Ejector::new(&spec, ill.len() as u32);
        let mut theirs = Detector::new(spec, ill.len());
        let mut now = SECOND;
        for (step, (bits, gap, luck)) in steps.into_iter().enumerate() {
            now += gap * SECOND / 1000;
            let host = Draw::new(bits).below(ill.len() as u64) as usize;
            let success = luck >= ill[host];
            let outcome = if success { Outcome::Success } else { Outcome::Failure(Failure::Response) };
            ours.settle(host as u32, Instant::from_nanos(now), Draw::new(!bits), outcome);
            theirs.random = Draw::new(!bits);
            theirs.put_result(host, now, success);
            let standings: Vec<_> = ours.snapshot(Instant::from_nanos(now)).collect();
            for (host, (ours, theirs)) in standings.iter().zip(&theirs.hosts).enumerate() {
                let at = format!("host {host} at step {step}");
                prop_assert_eq!(ours.ejected_until.is_some(), theirs.failed_outlier_check, "out: {}", at);
                prop_assert_eq!(u64::from(ours.times), theirs.eject_time_backoff, "times: {}", at);
                prop_assert_eq!((u64::from(ours.requests), u64::from(ours.successes)), theirs.current, "tally: {}", at);
                if !theirs.failed_outlier_check {
                    prop_assert_eq!(ours.consecutive_failures, theirs.consecutive_5xx, "in a row: {}", at);
                }
            }
        }
    }
}
