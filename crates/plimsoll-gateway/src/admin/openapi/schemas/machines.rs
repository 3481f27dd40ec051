//! The schemas of machines.

use super::parts::{count, flag, number, object, one_of, or_null, part, reference, text};
use plimsoll::policy::BreakerState;
use serde_json::{Value, json};

/// Returns the schema of each machine's state.
pub(super) fn machines() -> [(&'static str, Value); 9] {
    let limited = [("rate", text()), ("burst", count())];
    let [rate, burst] = limited;
    [
        (
            "Breaker",
            object([
                ("state", one_of(&BreakerState::ALL.map(BreakerState::name))),
                ("reason", or_null(text())),
                ("since_ms", or_null(number())),
                ("remaining_ms", or_null(number())),
                ("window", reference("Window")),
                ("consecutive_failures", count()),
                ("probes_given", count()),
                ("probes_passed", count()),
                ("openings", count()),
                (
                    "last_opening",
                    or_null(object([
                        ("ago_ms", number()),
                        ("reason", text()),
                        ("window", reference("Window")),
                    ])),
                ),
            ]),
        ),
        (
            "Window",
            object([
                ("calls", count()),
                ("failures", count()),
                ("slow", count()),
                ("failure_ratio", or_null(part())),
                ("slow_ratio", or_null(part())),
            ]),
        ),
        (
            "Bulkhead",
            object([
                ("in_flight", count()),
                ("limit", count()),
                ("waiting", count()),
                ("waiting_limit", count()),
                ("oldest_wait_ms", number()),
            ]),
        ),
        (
            "Concurrency",
            object([
                ("in_flight", count()),
                ("limit", count()),
                ("baseline_ms", or_null(number())),
                ("latency_ms", or_null(number())),
                ("probing", flag()),
            ]),
        ),
        (
            "Budget",
            object([("balance", count()), ("calls", count()), ("retries", count()), ("hedges", count())]),
        ),
        ("Hedge", object([("delay_ms", or_null(number())), ("samples", count())])),
        (
            "RateLimit",
            json!({ "anyOf": [
            object([rate.clone(), burst.clone(), ("available", count())]),
            object([rate.clone(), burst.clone(), ("waiting", count()), ("wait_ms", number())]),
            object([rate, burst, ("keys", count()), ("capacity", count()), ("evictions", count())]),
        ] }),
        ),
        (
            "Shed",
            object([("overloaded", flag()), ("admitted", part()), ("least_delay_ms", or_null(number()))]),
        ),
        (
            "Throttle",
            object([("requests", count()), ("accepts", count()), ("rejection_probability", part())]),
        ),
    ]
}
