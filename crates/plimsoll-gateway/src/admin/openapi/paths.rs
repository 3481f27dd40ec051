//! The paths of the API.

use super::schemas::reference;
use serde_json::{Map, Value, json};

pub(super) fn paths() -> Value {
    json!({
        "/livez": { "get": open(get("Whether the program lives.", "Probe", [])) },
        "/readyz": {
            "get": open(get("Whether it wants requests.", "Probe", [("503", json("It drains.", "Probe"))])),
        },
        "/metrics": {
            "get": operation("Every metric.", [
                ("200", json!({
                    "description": "A page for Prometheus, or OpenMetrics where \"accept\" asks for it.",
                    "content": {
                        "text/plain": { "schema": { "type": "string" } },
                        "application/openmetrics-text": { "schema": { "type": "string" } },
                    },
                })),
            ]),
        },
        "/api/v1/status": { "get": get("The program as a whole.", "Status", []) },
        "/api/v1/routes": { "get": get("Every route, in the order of the file.", "Routes", []) },
        "/api/v1/upstreams": { "get": get("Every upstream and its endpoints.", "Upstreams", []) },
        "/api/v1/policies": { "get": get("Every policy: what it is told, and how its machines stand.", "Policies", []) },
        "/api/v1/policies/{name}": {
            "parameters": [name()],
            "get": get("One policy.", "Policy", [missing()]),
            "patch": with_body(
                get(
                    "Changes thresholds by a JSON merge patch (RFC 7396). Machines keep their state. It holds until the \
                     file is next taken up.",
                    "Policy",
                    [bad_json(), missing(), conflict("The gateway is draining."), invalid(), no_json()],
                ),
                &["application/json", "application/merge-patch+json"],
                "PolicyPatch",
                json!({ "rate-limit": { "rate": "100/s" } }),
            ),
        },
        "/api/v1/policies/{name}/breaker": {
            "parameters": [name()],
            "post": with_body(
                get(
                    "Holds the policy's breakers, or that of one upstream, in a state by hand; \"auto\" lets them decide \
                     for themselves again.",
                    "Policy",
                    [bad_json(), missing(), conflict("The policy has no breaker."), invalid(), no_json()],
                ),
                &["application/json"],
                "BreakerForce",
                json!({ "force": "open" }),
            ),
        },
        "/api/v1/config": {
            "get": get("The configuration in force, patches included. Secrets are hidden.", "Configuration", []),
        },
        "/api/v1/reload": {
            "post": with_body(
                get(
                    "Takes the file up anew, whole or not at all. Without a body it is the same.",
                    "Reloaded",
                    [
                        bad_json(),
                        conflict("The gateway is draining, or what the file says cannot be done here."),
                        invalid(),
                        no_json(),
                    ],
                ),
                &["application/json"],
                "Nothing",
                json!({}),
            ),
        },
        "/api/v1/log": {
            "get": get("The filter of the program's log, and what became of its lines.", "Log", [no_log()]),
            "patch": with_body(
                get(
                    "Puts another filter in force, until the program ends.",
                    "Log",
                    [bad_json(), no_log(), invalid(), no_json()],
                ),
                &["application/json", "application/merge-patch+json"],
                "LogPatch",
                json!({ "filter": "info,plimsoll_gateway=debug" }),
            ),
        },
        "/api/v1/openapi.json": {
            "get": operation("This description.", [
                ("200", json!({
                    "description": "OpenAPI 3.1.",
                    "content": { "application/json": { "schema": { "type": "object" } } },
                })),
            ]),
        },
    })
}

fn name() -> Value {
    json!({
        "name": "name", "in": "path", "required": true, "schema": { "type": "string" },
        "description": "The policy's name in the file, or \"default\".",
    })
}

/// A response of this schema.
fn json(description: &str, schema: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": reference(schema) } },
    })
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": reference("Problem") } },
    })
}

fn missing() -> (&'static str, Value) {
    ("404", problem("There is no policy of this name."))
}

fn conflict(description: &str) -> (&'static str, Value) {
    ("409", problem(description))
}

fn no_log() -> (&'static str, Value) {
    conflict("The program has set up its log by itself.")
}

fn invalid() -> (&'static str, Value) {
    ("422", problem("It is not valid: every fault is told, and nothing has changed."))
}

fn bad_json() -> (&'static str, Value) {
    ("400", problem("The body is no JSON."))
}

fn no_json() -> (&'static str, Value) {
    ("415", problem("The content type is not JSON's."))
}

fn get<const N: usize>(summary: &str, schema: &str, others: [(&str, Value); N]) -> Value {
    let mut operation = operation(summary, [("200", json("As it is now.", schema))]);
    if let Some(Value::Object(responses)) = operation.get_mut("responses") {
        responses.extend(others.map(|(status, response)| (status.to_owned(), response)));
    }
    operation
}

fn operation<const N: usize>(summary: &str, responses: [(&str, Value); N]) -> Value {
    let mut all = Map::new();
    all.extend(responses.map(|(status, response)| (status.to_owned(), response)));
    all.insert("401".into(), problem("There is a token, and it was not shown."));
    all.insert(
        "403".into(),
        problem("Without a token: asked for by a name that is neither an address nor localhost."),
    );
    all.insert("405".into(), problem("The path does not take this method; \"allow\" says which it does."));
    all.insert("default".into(), problem("Anything else."));
    json!({ "summary": summary, "responses": all })
}

/// Without a token, whoever asks.
fn open(mut operation: Value) -> Value {
    operation["security"] = json!([]);
    if let Some(Value::Object(responses)) = operation.get_mut("responses") {
        responses.remove("401");
    }
    operation
}

fn with_body(mut operation: Value, types: &[&str], schema: &str, example: Value) -> Value {
    let content = types.iter().map(|content_type| {
        ((*content_type).to_owned(), json!({ "schema": reference(schema), "example": example }))
    });
    operation["requestBody"] = json!({ "required": true, "content": content.collect::<Map<_, _>>() });
    operation["responses"]["413"] = problem("The body has more than 64 KiB.");
    operation
}
