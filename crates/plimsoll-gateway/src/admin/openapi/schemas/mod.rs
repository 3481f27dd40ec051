//! Schemas of the responses.

mod machines;
mod parts;

pub(super) use parts::reference;

use crate::{
    file,
    spec::{RouteSpec, UpstreamSpec},
};
use machines::machines;
use parts::{PREFIX, count, flag, list, number, object, one_of, or_null, text, time};
use plimsoll::{
    PolicySpec,
    config::{Schemas, Shape},
};
use serde_json::{Map, Value, json};

/// The schemas by name. Those of the file's quantities are lower case.
pub(super) fn schemas() -> Map<String, Value> {
    let mut written = Schemas::new(PREFIX);
    let policy = PolicySpec::schema(&mut written);
    let specs = [
        ("PolicyPatch", patch(&policy)),
        ("PolicySpec", policy),
        ("RouteSpec", RouteSpec::schema(&mut written)),
        ("UpstreamSpec", UpstreamSpec::schema(&mut written)),
        ("GatewaySpec", file::schema_among(&mut written)),
    ];
    let mut all = written.into_definitions();
    let own = specs.into_iter().chain(general()).chain(what_runs()).chain(machines());
    all.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    all
}

/// The schema of a merge patch (RFC 7396) of such a value: no key is required, `null` brings a key's
/// default back, and there are still no others. What must hold between two keys no schema tells.
fn patch(of: &Value) -> Value {
    let mut patched = of.clone();
    let Some(schema) = patched.as_object_mut() else { return patched };
    for form in ["then", "else"] {
        if let Some(form) = schema.get_mut(form) {
            *form = patch(form);
        }
    }
    // What a key is where it is left out is what it was before.
    schema.shift_remove("default");
    if let Some(Value::Object(keys)) = schema.get_mut("properties") {
        for key in keys.values_mut() {
            *key = or_null(patch(key));
        }
        schema.shift_remove("required");
    }
    patched
}

fn general() -> [(&'static str, Value); 10] {
    [
        ("Log", object([("filter", text()), ("lines_written", count()), ("lines_dropped", count())])),
        ("LogPatch", object([("filter", text())])),
        (
            "Problem",
            json!({
                "type": "object",
                "description": "RFC 9457. The path of a fault is that of its key; its place is a JSON pointer into what \
                                was sent, or file, line and column.",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": { "type": "string", "format": "uri" },
                    "title": text(),
                    "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                    "detail": text(),
                    "id": text(),
                    "faults": list(reference("Fault")),
                    "more": { "type": "integer", "minimum": 1, "description": "Faults beside those that are told." },
                    "nearest": or_null(text()),
                    "known": list(text()),
                },
            }),
        ),
        (
            "Fault",
            json!({
                "type": "object",
                "required": ["path", "problem"],
                "properties": {
                    "path": text(), "problem": text(), "expected": text(), "nearest": text(),
                    "pointer": text(),
                    "file": text(), "line": count(), "column": count(), "width": count(),
                },
                "additionalProperties": false,
            }),
        ),
        ("Probe", object([("status", one_of(&["alive", "ready", "draining"]))])),
        (
            "Status",
            object([
                ("version", text()),
                ("started_at", time()),
                ("uptime_seconds", count()),
                ("generation", count()),
                ("workers", count()),
                ("connections", count()),
                ("draining", flag()),
                ("listeners", list(text())),
                ("admin", or_null(text())),
                ("file", or_null(text())),
                ("untrusted_forwarded", count()),
                ("warnings", list(text())),
                ("last_reload", or_null(reference("LastReload"))),
            ]),
        ),
        (
            "LastReload",
            json!({
                "type": "object",
                "required": ["at", "result"],
                "properties": {
                    "at": time(),
                    "result": one_of(&["applied", "refused"]),
                    "generation": count(),
                    "faults": list(text()),
                },
                "additionalProperties": false,
            }),
        ),
        ("Reloaded", object([("generation", count())])),
        ("Configuration", object([("generation", count()), ("config", reference("GatewaySpec"))])),
        (
            "Nothing",
            json!({ "type": "object", "description": "An empty object.", "additionalProperties": false }),
        ),
    ]
}

fn what_runs() -> [(&'static str, Value); 9] {
    let all_of = |key, of: &str| object([("generation", count()), (key, list(reference(of)))]);
    [
        ("Routes", all_of("routes", "Route")),
        (
            "Route",
            object([
                ("name", text()),
                ("upstream", text()),
                ("policy", text()),
                ("in_flight", count()),
                ("spec", reference("RouteSpec")),
            ]),
        ),
        ("Upstreams", all_of("upstreams", "Upstream")),
        (
            "Upstream",
            object([
                ("name", text()),
                ("spec", reference("UpstreamSpec")),
                ("panic", flag()),
                ("panics", count()),
                ("endpoints", list(reference("Endpoint"))),
                ("ejections", count()),
                ("ejections_withheld", object([("last-endpoint", count()), ("at-most", count())])),
            ]),
        ),
        (
            "Endpoint",
            object([
                ("address", text()),
                ("weight", count()),
                ("share", number()),
                ("available", flag()),
                ("healthy", flag()),
                ("checked", flag()),
                ("ejected_for_ms", or_null(number())),
                ("in_flight", count()),
                ("latency_ms", or_null(number())),
                (
                    "ejection",
                    or_null(object([
                        ("times", count()),
                        ("consecutive_failures", count()),
                        ("requests", count()),
                        ("successes", count()),
                        ("withheld", count()),
                        ("withheld_ago_ms", or_null(number())),
                    ])),
                ),
            ]),
        ),
        ("Policies", all_of("policies", "Policy")),
        (
            "Policy",
            object([
                ("name", text()),
                ("generation", count()),
                ("spec", reference("PolicySpec")),
                ("upstreams", list(reference("Machines"))),
            ]),
        ),
        (
            "Machines",
            object([
                ("upstream", text()),
                ("breaker", or_null(reference("Breaker"))),
                ("bulkhead", or_null(reference("Bulkhead"))),
                ("concurrency", or_null(reference("Concurrency"))),
                ("budget", or_null(reference("Budget"))),
                ("hedge", or_null(reference("Hedge"))),
                ("rate_limit", or_null(reference("RateLimit"))),
                ("shed", or_null(reference("Shed"))),
                ("throttle", or_null(reference("Throttle"))),
            ]),
        ),
        (
            "BreakerForce",
            json!({
                "type": "object",
                "required": ["force"],
                "properties": {
                    "force": one_of(&["open", "closed", "isolated", "auto"]),
                    "upstream": { "type": "string", "description": "Left out, every upstream of the policy." },
                },
                "additionalProperties": false,
            }),
        ),
    ]
}
