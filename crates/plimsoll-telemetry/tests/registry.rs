//! Registration: what is refused, what is the same, what is bounded.
#![cfg(not(loom))]

use plimsoll_telemetry::{Buckets, Desc, Format, Kind, NameError, OVERFLOW, RegisterError, Registry, Unit};

const OVERFLOWS: &str = "plimsoll_telemetry_label_overflows_total";

fn line(registry: &Registry, start: &str) -> Option<String> {
    let text = registry.render(Format::Prometheus);
    text.lines().find(|line| line.starts_with(start)).map(str::to_owned)
}

#[test]
fn the_same_registration_is_the_same_metric() {
    let registry = Registry::new();
    let desc = || Desc::new("a_total", "help");
    registry.counter(desc()).unwrap().inc();
    registry.clone().counter(desc()).unwrap().add(2);
    assert_eq!(registry.counter(desc()).unwrap().get(), 3);
    let family = || registry.histogram_family(Desc::new("h", "help"), &Buckets::bytes(), ["x"]).unwrap();
    family().with(&["1"]).record(5);
    assert_eq!(family().with(&["1"]).snapshot().count(), 1);
}

#[test]
fn another_kind_meaning_or_label_is_a_conflict() {
    let registry = Registry::new();
    registry.counter_family(Desc::new("a_total", "help"), ["x"]).unwrap();
    registry.gauge(Desc::new("g", "help")).unwrap();
    registry.histogram(Desc::new("h", "help"), &Buckets::bytes()).unwrap();
    let conflict =
        |name: &str, registered| Some(RegisterError::Conflict { name: name.to_owned(), registered });
    assert_eq!(registry.counter(Desc::new("a_total", "help")).err(), conflict("a_total", Kind::Counter));
    assert_eq!(
        registry.counter_family(Desc::new("a_total", "help"), ["y"]).err(),
        conflict("a_total", Kind::Counter)
    );
    assert_eq!(
        registry.counter_family(Desc::new("a_total", "other"), ["x"]).err(),
        conflict("a_total", Kind::Counter)
    );
    // OpenMetrics calls the counter's family `a`, so a gauge cannot.
    assert_eq!(registry.gauge(Desc::new("a", "help")).err(), conflict("a", Kind::Counter));
    assert_eq!(registry.up_down(Desc::new("g", "help")).err(), conflict("g", Kind::Gauge));
    assert_eq!(registry.observed_gauge(Desc::new("g", "help"), []).err(), conflict("g", Kind::Gauge));
    assert_eq!(
        registry.histogram(Desc::new("h", "help"), &Buckets::latency()).err(),
        conflict("h", Kind::Histogram)
    );
}

#[test]
fn malformed_registrations_say_what_is_wrong() {
    let registry = Registry::new();
    let bad = registry.counter(Desc::new("requests", "help")).unwrap_err();
    assert_eq!(
        bad,
        RegisterError::BadName { name: "requests".to_owned(), fault: NameError::CounterWithoutTotal }
    );
    assert_eq!(bad.to_string(), "metric name \"requests\" is a counter's and must end in `_total`");
    let bad = registry.gauge(Desc::new("took", "help").unit(Unit::Seconds)).unwrap_err();
    assert!(matches!(bad, RegisterError::BadName { fault: NameError::WithoutUnit, .. }));
    let bad = registry.histogram(Desc::new("h", "help"), &Buckets::latency_at(&[0.0, -1.0])).unwrap_err();
    assert!(matches!(bad, RegisterError::BadBuckets { .. }), "{bad}");
    let bad = registry.gauge_family(Desc::new("g", "help"), ["le"]).unwrap_err();
    assert!(matches!(bad, RegisterError::BadLabel { .. }), "{bad}");
}

#[test]
fn families_and_collectors_are_bounded() {
    // The registry's own family is one of the two.
    let registry = Registry::builder().max_families(2).max_collectors(1).build();
    registry.gauge(Desc::new("one", "help")).unwrap();
    let full = RegisterError::Full { limit: 2, of: "families" };
    assert_eq!(registry.gauge(Desc::new("two", "help")).err(), Some(full));
    assert!(registry.gauge(Desc::new("one", "help")).is_ok());
    let first = registry.register_collector(|_| {}).unwrap();
    assert!(matches!(registry.register_collector(|_| {}), Err(RegisterError::Full { limit: 1, .. })));
    drop(first);
    assert!(registry.register_collector(|_| {}).is_ok());
}

#[test]
fn label_sets_beyond_the_bound_share_one_series() {
    let registry = Registry::new();
    let family = registry.counter_family(Desc::new("a_total", "help").max_series(2), ["x", "y"]).unwrap();
    for x in ["1", "2", "3", "4", "1"] {
        family.with(&[x, "y"]).inc();
    }
    assert_eq!(family.with(&["1", "y"]).get(), 2);
    assert_eq!(family.with(&[OVERFLOW, OVERFLOW]).get(), 2);
    assert_eq!(family.len(), 3);
    assert_eq!(line(&registry, OVERFLOWS).unwrap(), format!("{OVERFLOWS} 2"));
    let shown = line(&registry, "a_total{x=\"__overflow__\"").unwrap();
    assert_eq!(shown, "a_total{x=\"__overflow__\",y=\"__overflow__\"} 2");
    // The place of a series that ends is free again, though the overflow series stays.
    assert!(family.retire(&["2", "y"]) && !family.retire(&["2", "y"]));
    family.with(&["5", "y"]).inc();
    assert_eq!(family.with(&["5", "y"]).get(), 1);
}

#[test]
fn a_label_value_that_is_too_long_is_overflow() {
    let registry = Registry::new();
    let family = registry.gauge_family(Desc::new("a", "help"), ["x"]).unwrap();
    family.with(&["x".repeat(257).as_str()]).set(1.0);
    assert_eq!(line(&registry, "a{").unwrap(), "a{x=\"__overflow__\"} 1");
}

#[test]
fn a_sweep_ends_what_nobody_holds() {
    let registry = Registry::new();
    let family = registry.up_down_family(Desc::new("a", "help"), ["x"]).unwrap();
    let held = family.with(&["held"]);
    family.with(&["other"]);
    family.with(&["gone"]);
    assert_eq!(family.sweep(|values| values[0] != "other"), 1);
    held.inc();
    assert!(line(&registry, "a{x=\"held\"} 1").is_some() && line(&registry, "a{x=\"gone\"}").is_none());
    drop(held);
    assert_eq!(family.sweep(|_| true), 2);
    assert!(family.is_empty());
}

#[test]
fn collectors_add_up_and_end_with_their_guard() {
    let registry = Registry::new();
    let size = registry.observed_gauge(Desc::new("pool", "help").max_series(2), ["of"]).unwrap();
    let again = registry.observed_gauge(Desc::new("pool", "help").max_series(2), ["of"]).unwrap();
    let first = registry.register_collector(move |samples| samples.put(&size, &["a"], 2.0)).unwrap();
    registry
        .register_collector(move |samples| {
            for of in ["a", "b", "c", "d"] {
                samples.put(&again, &[of], 0.5);
            }
        })
        .unwrap()
        .keep();
    assert_eq!(line(&registry, "pool{of=\"a\"}").unwrap(), "pool{of=\"a\"} 2.5");
    assert_eq!(line(&registry, "pool{of=\"__overflow__\"}").unwrap(), "pool{of=\"__overflow__\"} 1");
    drop(first);
    assert_eq!(line(&registry, "pool{of=\"a\"}").unwrap(), "pool{of=\"a\"} 0.5");
}

#[test]
fn what_is_said_once_in_a_scrape_does_not_add_up() {
    let registry = Registry::new();
    let size = registry.observed_gauge(Desc::new("all", "help"), []).unwrap();
    let [first, second] = [1.0, 2.0].map(|value| {
        let size = size.clone();
        let says = move |samples: &mut plimsoll_telemetry::Samples| {
            if samples.once("all") && samples.once("another") {
                samples.put(&size, &[], value);
            }
        };
        registry.register_collector(says).unwrap()
    });
    for _ in 0..2 {
        assert_eq!(line(&registry, "all").unwrap(), "all 1");
    }
    drop(first);
    assert_eq!(line(&registry, "all").unwrap(), "all 2");
    drop(second);
}

#[test]
fn a_collector_may_register_and_scrape() {
    let registry = Registry::new();
    let weak = registry.clone();
    let late = registry
        .register_collector(move |_| weak.counter(Desc::new("late_total", "help")).unwrap().inc())
        .unwrap();
    registry.render(Format::Prometheus);
    assert_eq!(line(&registry, "late_total").unwrap(), "late_total 2");
    drop(late);
}

#[test]
fn handles_and_families_are_send_and_sync() {
    fn both<T: Send + Sync + Clone>() {}
    both::<Registry>();
    both::<plimsoll_telemetry::Counter>();
    both::<plimsoll_telemetry::Gauge>();
    both::<plimsoll_telemetry::UpDown>();
    both::<plimsoll_telemetry::Histogram>();
    both::<plimsoll_telemetry::CounterFamily<2>>();
    both::<plimsoll_telemetry::Observed<1>>();
}
