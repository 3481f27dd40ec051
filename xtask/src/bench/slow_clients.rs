//! `cargo xtask bench slow-clients`: good requests beside strangers with slow links.

use super::{
    beside::{self, Bench, Options},
    claim::Claim,
};
use anyhow::Result;
use serde_json::Value;
use std::process::ExitCode;

pub(crate) const LONG_ABOUT: &str = "\
200 good requests a second under default policies, alone and then beside 64 uploads of a byte a second and 64 downloads of 10 KB a \
second that run past every limit: through a gateway before three replicas, and by an outbound client whose own bodies are slow.

No good request may fail, no breaker open, no replica be ejected, and the good requests' 99th percentile may rise by a fifth (or, where \
that is less than a busy machine's noise, by a millisecond).";

/// Runs both, one after the other.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let bench = Bench {
        example: "slow_clients",
        modes: &["gateway", "client"],
        seconds: options.seconds + options.seconds.min(20),
        claims_of,
    };
    beside::run(&bench, options)
}

fn claims_of(mode: &str, report: &Value) -> Vec<Claim> {
    let found = |key: &str| report.get(key).and_then(Value::as_f64);
    let none =
        |what: &str, key: &str| Claim { what: format!("{mode}: {what}"), limit: 0.0, found: found(key) };
    let (quiet, loud) = (found("p99_quiet_us"), found("p99_loud_us"));
    let ratio = quiet.zip(loud).map(|(quiet, loud)| loud / quiet);
    // A fifth of a tenth of a millisecond is no difference that a machine with other things to do could show.
    let allowed = quiet.map_or(1.2, |quiet| ((quiet + 1000.0) / quiet).max(1.2));
    // Without strangers that were cut off nothing has been shown.
    let cut_off = found("callers_timed_out").map(|strangers| if strangers >= 64.0 { 0.0 } else { 1.0 });
    vec![
        none("good requests that failed", "failed"),
        none("breaker openings", "breaker_openings"),
        none("replicas ejected", "ejections"),
        Claim {
            what: format!("{mode}: strangers missing that ran into a limit"),
            limit: 0.0,
            found: cut_off,
        },
        Claim {
            what: format!("{mode}: p99 beside ÷ p99 alone"),
            limit: (allowed * 100.0).round() / 100.0,
            found: ratio,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refused_request_misses_its_claim() {
        let report = |failed: u32| {
            serde_json::json!({"failed": failed, "breaker_openings": 0, "ejections": 0, "callers_timed_out": 128,
                "p99_quiet_us": 10_000, "p99_loud_us": 11_900})
        };
        assert!(claims_of("gateway", &report(0)).iter().all(Claim::kept));
        assert!(!claims_of("gateway", &report(1)).iter().all(Claim::kept));
        assert!(!claims_of("gateway", &serde_json::json!({})).iter().any(Claim::kept));
    }
}
