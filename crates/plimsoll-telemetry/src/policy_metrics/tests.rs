use super::*;
use crate::Format;
use std::time::Duration;

fn metrics(registry: &Registry) -> PolicyMetrics {
    PolicyMetrics::new(registry, "standard", "users").unwrap()
}

/// The value of the series with these further labels.
fn value(registry: &Registry, name: &str, labels: &str) -> Option<f64> {
    let comma = if labels.is_empty() { "" } else { "," };
    let series = format!("{name}{{policy=\"standard\",upstream=\"users\"{comma}{labels}}} ");
    let text = registry.render(Format::Prometheus);
    text.lines().find_map(|line| line.strip_prefix(&series)).map(|value| value.parse().unwrap())
}

#[test]
fn every_event_has_its_series() {
    let registry = Registry::new();
    let metrics = metrics(&registry);
    let took = Duration::from_millis(20);
    let opened = Transition {
        from: BreakerState::Closed,
        to: BreakerState::Open,
        reason: TransitionReason::FailureRatio,
    };
    let isolated = Transition {
        from: BreakerState::HalfOpen,
        to: BreakerState::Isolated,
        reason: TransitionReason::ByHand,
    };
    let failed = Outcome::Failure(Failure::Timeout);
    let expected: &[(PolicyEvent, &str, &str)] = &[
        (PolicyEvent::Call, "plimsoll_calls_total", ""),
        (PolicyEvent::Gone, "plimsoll_calls_abandoned_total", ""),
        (
            PolicyEvent::Rejected(RejectedError::new(Machine::Breaker, Reason::CircuitOpen)),
            "plimsoll_rejections_total",
            "machine=\"breaker\",reason=\"circuit-open\"",
        ),
        (
            PolicyEvent::Rejected(RejectedError::new(Machine::Balance, Reason::NoEndpoint)),
            "plimsoll_rejections_total",
            "machine=\"balance\",reason=\"no-endpoint\"",
        ),
        (
            PolicyEvent::Waited(Machine::Concurrency, took),
            "plimsoll_wait_seconds_count",
            "machine=\"concurrency\"",
        ),
        (PolicyEvent::Attempt(AttemptRole::First), "plimsoll_attempts_total", "role=\"first\""),
        (PolicyEvent::Attempt(AttemptRole::Hedge), "plimsoll_hedges_total", "event=\"started\""),
        (
            PolicyEvent::Settled(AttemptRole::Retry, failed, took),
            "plimsoll_attempt_duration_seconds_count",
            "outcome=\"timed-out\"",
        ),
        (PolicyEvent::RetryPlanned(Cause::Reset, took), "plimsoll_retries_total", "cause=\"reset\""),
        (
            PolicyEvent::RetryPlanned(Cause::Status(503), took),
            "plimsoll_retries_total",
            "cause=\"status-503\"",
        ),
        (PolicyEvent::RetryDenied(DenyReason::Budget), "plimsoll_retries_denied_total", "reason=\"budget\""),
        (PolicyEvent::HedgeWon, "plimsoll_hedges_total", "event=\"won\""),
        (PolicyEvent::HedgeLost, "plimsoll_hedges_total", "event=\"lost\""),
        (PolicyEvent::HedgeDenied(DenyReason::NoTime), "plimsoll_hedges_denied_total", "reason=\"no-time\""),
        (PolicyEvent::TimedOut(Limit::FirstByte), "plimsoll_timeouts_total", "limit=\"first-byte\""),
        (PolicyEvent::CallerTimedOut(Limit::Total), "plimsoll_caller_timeouts_total", "limit=\"total\""),
        (
            PolicyEvent::BodyFailed(AttemptRole::First, Outcome::Failure(Failure::Broken)),
            "plimsoll_bodies_failed_total",
            "outcome=\"broken\"",
        ),
        (PolicyEvent::Breaker(opened), "plimsoll_breaker_transitions_total", "from=\"closed\",to=\"open\""),
        (PolicyEvent::Breaker(isolated), "plimsoll_breaker_openings_total", "reason=\"by-hand\""),
    ];
    for (event, name, labels) in expected {
        let before = value(&registry, name, labels).unwrap_or(0.0);
        metrics.on(Instant::from_nanos(1), event);
        let after = value(&registry, name, labels);
        assert_eq!(after, Some(before + 1.0), "{event:?}");
    }
}

#[test]
fn exactly_one_state_is_shown_and_none_before_one_is_known() {
    let registry = Registry::new();
    let metrics = metrics(&registry);
    let states = |registry: &Registry| {
        let shown = |state: &BreakerState| {
            value(registry, "plimsoll_breaker_state", &format!("state=\"{}\"", state.name()))
        };
        BreakerState::ALL.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(states(&registry), [None; 6]);
    metrics.breaker_is(Instant::ORIGIN, BreakerState::Closed);
    assert_eq!(states(&registry), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0].map(Some));
    let change = Transition {
        from: BreakerState::Closed,
        to: BreakerState::Open,
        reason: TransitionReason::Consecutive,
    };
    metrics.on(Instant::from_nanos(5), &PolicyEvent::Breaker(change));
    assert_eq!(states(&registry), [0.0, 1.0, 0.0, 0.0, 0.0, 0.0].map(Some));
}

#[test]
fn series_end_with_the_last_of_their_name() {
    let registry = Registry::new();
    let old = metrics(&registry);
    old.on(Instant::ORIGIN, &PolicyEvent::Call);
    let new = metrics(&registry);
    drop(old);
    new.on(Instant::ORIGIN, &PolicyEvent::Call);
    assert_eq!(value(&registry, "plimsoll_calls_total", ""), Some(2.0));
    let other = PolicyMetrics::new(&registry, "standard", "orders").unwrap();
    let bytes = registry.memory_bytes();
    drop(new);
    let text = registry.render(Format::Prometheus);
    assert!(!text.contains("upstream=\"users\"") && text.contains("upstream=\"orders\""));
    let again = metrics(&registry);
    assert_eq!(value(&registry, "plimsoll_calls_total", ""), Some(0.0));
    assert_eq!(registry.memory_bytes(), bytes, "a reload finds the cells of what it replaces");
    drop((again, other));
    assert!(!registry.render(Format::Prometheus).contains("policy="));
}

#[test]
fn every_name_in_the_tables_is_used() {
    let registry = Registry::new();
    let metrics = metrics(&registry);
    for machine in Machine::ALL {
        for reason in Reason::ALL {
            metrics.on(Instant::ORIGIN, &PolicyEvent::Rejected(RejectedError::new(machine, reason)));
        }
    }
    let text = registry.render(Format::Prometheus);
    let shown =
        text.lines().filter(|line| line.starts_with("plimsoll_rejections_total{") && line.ends_with(" 1"));
    assert_eq!(shown.count(), MACHINES * REASONS);
    let causes = [100, 429, 500, 502, 503, 504, 599].map(Cause::Status);
    let all = [Cause::Connect, Cause::Reset, Cause::Timeout, Cause::Other].into_iter().chain(causes);
    let indices: std::collections::BTreeSet<_> = all.map(cause_index).collect();
    assert_eq!(indices.len(), CAUSES.len());
}
