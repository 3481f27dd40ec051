//! `cargo xtask bench stuck-clients`: good requests beside HTTP/2 clients that take nothing.

use super::{
    beside::{self, Bench, Options},
    claim::Claim,
};
use anyhow::Result;
use serde_json::Value;
use std::process::ExitCode;

pub(crate) const LONG_ABOUT: &str = "\
200 good requests a second under default policies, alone and then beside 64 HTTP/2 readers that take nothing of endless responses and 64 \
uploaders whose bodies nobody reads: through a gateway before an endpoint of HTTP/2, and to a server of the library.

No good request may be refused or take 100 ms longer than usual, memory may rise by 64 MiB and no further when as many come again, and every connection that \
takes nothing must be cut.";

/// Runs both, one after the other.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let bench = Bench {
        example: "stuck_clients",
        modes: &["gateway", "serve"],
        seconds: 2 * (options.seconds + options.seconds.min(10)),
        claims_of,
    };
    beside::run(&bench, options)
}

fn claims_of(mode: &str, report: &Value) -> Vec<Claim> {
    let found = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
    let claim =
        |what: &str, limit: f64, found: Option<f64>| Claim { what: format!("{mode}: {what}"), limit, found };
    let mib = |pointer: &str| found(pointer).map(|kib| (kib / 1024.0 * 10.0).round() / 10.0);
    vec![
        claim("good requests that failed", 0.0, found("/loud/failed")),
        claim("good requests slower by 100 ms", 0.0, found("/loud/slow")),
        claim("MiB more while they are there", 64.0, mib("/memory_up_kib")),
        claim("MiB more after a second wave of them", 8.0, mib("/memory_lost_kib")),
        // A count that was not found is no zero.
        claim("connections not cut", 0.0, found("/not_cut").filter(|count| *count >= 0.0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_request_misses_its_claim() {
        let report = |slow: u32| {
            serde_json::json!({"loud": {"failed": 0, "slow": slow}, "memory_up_kib": 60_000, "memory_lost_kib": 0,
                "not_cut": 0})
        };
        assert!(claims_of("gateway", &report(0)).iter().all(Claim::kept));
        assert!(!claims_of("gateway", &report(1)).iter().all(Claim::kept));
        assert!(!claims_of("gateway", &serde_json::json!({})).iter().any(Claim::kept));
    }
}
