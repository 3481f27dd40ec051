//! The admin API against a running gateway.

mod running;
mod schema;

use http::{Method, StatusCode};
use running::{Origin, Running, ask, eventually, repository};
use serde_json::{Value, json};
use std::{collections::BTreeSet, io::Write, process::Stdio};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn file(origin: &Origin) -> String {
    format!(
        r#"ADMIN
LISTENER
[[route]]
path = "/"
upstream = "orders"
policy = "careful"
[[route]]
path = "/reports/"
upstream = "orders"
[upstream.orders]
endpoints = ["{}"]
health = {{ path = "/healthz", every = "1s" }}
[policy.careful]
rate-limit = {{ rate = "1/h", burst = 100, per = "client" }}
hedge = {{ after = "1s" }}
throttle = {{}}
concurrency = {{}}
[policy.unused]
"#,
        origin.address
    )
}

/// The log of the process, which the admin API shows and changes.
fn log() -> plimsoll_gateway::logs::Logs {
    use plimsoll_gateway::logs::{LogConfig, LogGuard, init};
    static LOG: std::sync::OnceLock<LogGuard> = std::sync::OnceLock::new();
    let quiet = LogConfig { filter: "off".to_owned(), variable: None, panics: false, ..LogConfig::default() };
    LOG.get_or_init(|| init(&quiet).unwrap()).handle()
}

async fn started(test: &str) -> (Running, Origin) {
    log();
    let origin = Origin::http1().await;
    let running = Running::start(test, &file(&origin)).await;
    (running, origin)
}

/// Asserts that the response matches the description.
fn check(description: &Value, responses: &Value, response: &running::ReceivedResponse, what: &str) {
    let status = response.status.as_str();
    let described = responses.get(status).unwrap_or_else(|| panic!("{what}: {status} is not described"));
    let content_type = response.content_type();
    let essence = content_type.split(';').next().unwrap();
    let schema = described.pointer(&format!("/content/{}/schema", essence.replace('/', "~1")));
    let schema = schema.unwrap_or_else(|| panic!("{what}: {content_type:?} is not described for {status}"));
    let value = if essence.ends_with("json") { response.json() } else { response.text().into() };
    let faults = schema::faults(description, schema, &value, "");
    assert!(faults.is_empty(), "{what}: {}\n{value:#}", faults.join("\n"));
}

/// A rate limit that shows what a leaky bucket shows.
fn leaky() -> Value {
    json!({ "rate-limit": { "rate": "1000000/s", "shape": "leaky-bucket" } })
}

#[tokio::test]
async fn the_description_is_true() {
    let (running, _origin) = started("description").await;
    assert_eq!(running.patch("default", &leaky()).await.status, StatusCode::OK);
    running.get("/x").await;
    let description = running.asked("/api/v1/openapi.json").await.json();
    assert_eq!(description["openapi"], "3.1.0");
    let mut asked = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let responses = &operation["responses"];
            let body = operation.pointer("/requestBody/content/application~1json/example");
            let body = body.map_or(String::new(), Value::to_string);
            let method: Method = method.to_uppercase().parse().unwrap();
            for (name, status) in [("careful", 200), ("default", 200), ("carful", 404)] {
                if name != "careful" && !path.contains("{name}") {
                    continue;
                }
                let target = path.replace("{name}", name);
                let what = format!("{method} {target}");
                let response = running.change(method.clone(), &target, &body).await;
                assert_eq!(response.status, status, "{what}: {}", response.text());
                check(&description, responses, &response, &what);
                asked += 1;
            }
            if method == Method::GET {
                continue;
            }
            let target = path.replace("{name}", "careful");
            let plain =
                ask(running.admin(), method.clone(), &target, &[("content-type", "text/plain")], "{}").await;
            let plain = plain.unwrap();
            assert_eq!(plain.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{target}");
            check(&description, responses, &plain, &target);
            if !body.is_empty() {
                for (wrong, status) in [("{", 400), (r#"{"nothing": 1}"#, 422)] {
                    let response = running.change(method.clone(), &target, wrong).await;
                    assert_eq!(response.status, status, "{target} {wrong}: {}", response.text());
                    check(&description, responses, &response, &target);
                }
            }
        }
    }
    assert!(asked >= 14, "{asked}");
}

#[tokio::test]
async fn a_patch_is_described_as_it_is_taken() {
    let (running, _origin) = started("patches").await;
    let description = running.asked("/api/v1/openapi.json").await.json();
    let schema = &description["components"]["schemas"]["PolicyPatch"];
    for (patch, taken) in [
        (json!({}), true),
        (json!({ "rate-limit": { "burst": null }, "breaker": { "open": null }, "hedge": null }), true),
        (json!({ "rate-limit": { "rate": "5/s" } }), true),
        (json!({ "rate-limit": { "burst": 7 } }), true),
        (json!({ "rate-limit": { "shape": "leaky" } }), false),
        (json!({ "rate-limit": { "shape": "leaky-bucket", "per": "all" } }), true),
        (json!({ "rate-limit": { "shape": "token-bucket" } }), true),
        (json!({ "rate-limit": "off", "hedge": "off" }), true),
        (json!({ "breaker": { "opn": null } }), false),
        (json!({ "breaker": "of" }), false),
    ] {
        let faults = schema::faults(&description, schema, &patch, "");
        assert_eq!(faults.is_empty(), taken, "{patch}: {faults:?}");
        let response = running.patch("careful", &patch).await;
        assert_eq!(response.status, if taken { 200 } else { 422 }, "{patch}: {}", response.text());
    }
}

#[tokio::test]
async fn the_level_of_the_log_is_changed_while_it_runs() {
    let (running, _origin) = started("log").await;
    let patch = async |body: &str| running.change(Method::PATCH, "/api/v1/log", body).await;
    let shown = patch(r#"{"filter": "off,nobody=debug"}"#).await;
    assert_eq!((shown.status, &shown.json()["filter"]), (StatusCode::OK, &"off,nobody=debug".into()));
    assert_eq!(log().filter(), "off,nobody=debug");
    assert_eq!(running.asked("/api/v1/log").await.json()["filter"], "off,nobody=debug");
    let wrong = patch(r#"{"filter": "debg"}"#).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fault = &wrong.json()["faults"][0];
    assert_eq!(fault["pointer"], "/filter");
    assert!(fault["problem"].as_str().unwrap().contains("did you mean \"debug\"?"), "{fault}");
    for wrong in ["7", "{}", r#"{"filter": 7}"#, r#"{"filtr": "debug"}"#] {
        assert_eq!(patch(wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    assert_eq!(log().filter(), "off,nobody=debug", "a wrong change changes nothing");
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_problem() {
    let (running, _origin) = started("problems").await;
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/api/v1/nothing", 404),
        (Method::GET, "/api/v1/policies/%ff", 400),
        (Method::POST, "/api/v1/status", 405),
        (Method::DELETE, "/api/v1/policies/careful", 405),
    ] {
        let response = running.change(method.clone(), path, "").await;
        assert_eq!(response.status, status, "{method} {path}");
        assert_eq!(response.content_type(), "application/problem+json", "{method} {path}");
        assert_eq!(response.json()["status"], status);
    }
    let allowed = running.change(Method::POST, "/api/v1/status", "").await;
    assert_eq!(allowed.headers["allow"], "GET,HEAD");
    let near = running.asked("/api/v1/policies/carefull").await.json();
    assert_eq!(near["nearest"], "careful");
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let large = running.change(Method::PATCH, "/api/v1/policies/careful", &large).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_reload_takes_nothing_and_a_method_that_is_not_there_is_none() {
    let (running, _origin) = started("reload-body").await;
    for (body, status) in
        [("", 200), ("{}", 200), ("{\"a\": 1}", 422), ("[]", 422), ("null", 422), ("{", 400)]
    {
        let response = running.change(Method::POST, "/api/v1/reload", body).await;
        assert_eq!(response.status, status, "{body:?}: {}", response.text());
    }
    // Whatever its content type: there is nothing that it could change.
    for method in ["QUERY", "PUT", "DELETE", "PROPFIND"] {
        let method: Method = method.parse().unwrap();
        for path in ["/livez", "/metrics", "/api/v1/reload", "/api/v1/policies/careful"] {
            let response = ask(running.admin(), method.clone(), path, &[], "").await.unwrap();
            assert_eq!(
                (response.status.as_u16(), response.headers.contains_key("allow")),
                (405, true),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn responses_to_bad_patches_are_bounded() {
    let (running, _origin) = started("bounded").await;
    let keys: Vec<String> = (0..5000).map(|key| format!("\"k{key}\": 1")).collect();
    let long = "x".repeat(60_000);
    for patch in [
        format!("{{{}}}", keys.join(",")),
        format!("{{\"rate-limit\": {{\"rate\": \"{long}\"}}}}"),
        format!("{{\"{long}\": 1}}"),
        format!("\"{long}\""),
        "[".repeat(60_000),
        format!("{{\"rate-limit\": {}1{}}}", "[".repeat(100), "]".repeat(100)),
    ] {
        for path in ["/api/v1/policies/careful", "/api/v1/policies/careful/breaker"] {
            let method = if path.ends_with("breaker") { Method::POST } else { Method::PATCH };
            let response = running.change(method, path, &patch).await;
            assert!(
                matches!(response.status.as_u16(), 400 | 422),
                "{}: {}",
                response.status,
                response.text()
            );
            let length = response.text().len();
            assert!(length < 32 * 1024, "{path}: {length} bytes for {:?}", &patch[..20]);
        }
    }
    let many =
        running.change(Method::PATCH, "/api/v1/policies/careful", &format!("{{{}}}", keys.join(","))).await;
    assert_eq!(
        (many.json()["faults"].as_array().unwrap().len(), many.json()["more"].clone()),
        (20, json!(4980))
    );
    let name = "x".repeat(8000);
    let unknown = running.asked(&format!("/api/v1/policies/{name}")).await;
    assert!(unknown.status == 404 && unknown.text().len() < 2048, "{}", unknown.text().len());
}

/// A client that opens connections and stays silent keeps out neither probes nor clients with the token.
#[tokio::test]
async fn strangers_do_not_take_the_admins_places() {
    let origin = Origin::http1().await;
    let text = file(&origin).replace("ADMIN", "ADMIN\ntoken = \"hunter2\"\n");
    let mut running = Running::start("places", &text).await;
    running.token = Some("hunter2");
    let mut known = TcpStream::connect(running.admin()).await.unwrap();
    let asks = b"GET /api/v1/status HTTP/1.1\r\nhost: a\r\nauthorization: Bearer hunter2\r\n\r\n";
    let mut checked = async || {
        known.write_all(asks).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(known.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        known.read_exact(&mut vec![0; length.parse().unwrap()]).await.unwrap();
    };
    checked().await;
    let mut strangers = Vec::new();
    for _ in 0..200 {
        strangers.push(TcpStream::connect(running.admin()).await.unwrap());
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(running.asked(path).await.status, StatusCode::OK, "{path}");
    }
    // A connection that has shown the token is not the one that makes room.
    checked().await;
    let cut = "plimsoll_server_connections_cut_total{door=\"app\",reason=\"made-room\"}";
    eventually("strangers made room", async || running.metric(cut).await.is_some_and(|cut| cut > 100.0))
        .await;
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let (running, _origin) = started("sites").await;
    let asked = async |method: Method, path: &str, headers: &[(&str, &str)]| {
        ask(running.admin(), method, path, headers, "").await.unwrap().status
    };
    for host in ["evil.example", "evil.example:9901", "127.0.0.1.evil.example"] {
        assert_eq!(asked(Method::GET, "/api/v1/config", &[("host", host)]).await, 403, "{host}");
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]:9901"] {
        assert_eq!(asked(Method::GET, "/api/v1/config", &[("host", host)]).await, 200, "{host}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(asked(Method::POST, "/api/v1/reload", &[("content-type", kind)]).await, 415, "{kind}");
    }
    assert_eq!(asked(Method::POST, "/api/v1/reload", &[]).await, 415);
}

#[tokio::test]
async fn a_token_must_be_shown() {
    let origin = Origin::http1().await;
    let text = file(&origin).replace("ADMIN", "ADMIN\ntoken = \"hunter2\"\n");
    let mut running = Running::start("token", &text).await;
    for path in ["/metrics", "/api/v1/status", "/api/v1/openapi.json", "/nothing"] {
        let refused = running.asked(path).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(running.asked(path).await.status, StatusCode::OK, "{path}");
    }
    running.token = Some("hunter3");
    assert_eq!(running.asked("/metrics").await.status, StatusCode::UNAUTHORIZED);
    running.token = Some("hunter2");
    let config = running.asked("/api/v1/config").await;
    assert_eq!(config.status, StatusCode::OK);
    assert!(!config.text().contains("hunter2"), "{}", config.text());
}

#[tokio::test]
async fn a_patch_moves_a_threshold_and_keeps_the_state() {
    let (running, _origin) = started("patch").await;
    let statuses = async |count: usize| {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(running.get("/x").await.status.as_u16());
        }
        statuses
    };
    assert_eq!(statuses(3).await, [200; 3]);
    // Three of a hundred are gone; of five, two are left.
    let patched = running.patch("careful", &json!({ "rate-limit": { "burst": 5 } })).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert_eq!(patched.json().pointer("/spec/rate-limit/burst"), Some(&json!(5)));
    assert_eq!(statuses(4).await, [200, 200, 429, 429]);
    let config = running.asked("/api/v1/config").await.json();
    assert_eq!(config.pointer("/config/policy/careful/rate-limit/burst"), Some(&json!(5)));
    assert_eq!(config["generation"], 2);

    let refused = running
        .patch(
            "careful",
            &json!({ "rate-limit": { "burst": 0 }, "retry": { "attempts": "many" }, "bulkhed": 1 }),
        )
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults = refused.json()["faults"].as_array().unwrap().clone();
    let pointers: Vec<&str> = faults.iter().filter_map(|fault| fault["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/bulkhed", "/rate-limit/burst", "/retry/attempts"]);
    assert_eq!(running.asked("/api/v1/status").await.json()["generation"], 2, "nothing has changed");

    // The file is what counts in the end.
    assert_eq!(running.reload().await.status, 200);
    let config = running.asked("/api/v1/config").await.json();
    assert_eq!(config.pointer("/config/policy/careful/rate-limit/burst"), Some(&json!(100)));
}

#[tokio::test]
async fn a_policy_that_no_route_names_can_be_patched() {
    let (running, _origin) = started("default").await;
    let patched = running.patch("default", &json!({ "rate-limit": { "rate": "1/h", "burst": 1 } })).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert_eq!(running.get("/reports/1").await.status, 200);
    assert_eq!(running.get("/reports/1").await.status, 429);
    assert_eq!(running.get("/x").await.status, 200, "another policy");
    let config = running.asked("/api/v1/config").await.json();
    assert_eq!(config.pointer("/config/policy/default/rate-limit/burst"), Some(&json!(1)));
    assert_eq!(running.patch("unused", &json!({ "retry": "off" })).await.status, 200);
}

#[tokio::test]
async fn a_breaker_is_held_by_hand() {
    let (running, _origin) = started("breaker").await;
    let force = async |body: Value| {
        running.change(Method::POST, "/api/v1/policies/careful/breaker", &body.to_string()).await
    };
    let state =
        |response: &running::ReceivedResponse| response.json().pointer("/upstreams/0/breaker/state").cloned();
    let opened = force(json!({ "force": "open" })).await;
    assert_eq!(state(&opened), Some(json!("forced-open")));
    let refused = running.get("/x").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["type"], "urn:plimsoll:problem:isolated", "nobody fails: somebody has decided");
    let labels = "policy=\"careful\",upstream=\"orders\"";
    let series = format!("plimsoll_breaker_transitions_total{{{labels},from=\"closed\",to=\"forced-open\"}}");
    assert_eq!(running.metric(&series).await, Some(1.0));
    let isolated = force(json!({ "force": "isolated", "upstream": "orders" })).await;
    assert_eq!(state(&isolated), Some(json!("isolated")));
    let released = force(json!({ "force": "auto" })).await;
    assert_eq!(state(&released), Some(json!("half-open")));
    assert_eq!(running.get("/x").await.status, 200);

    let wrong = force(json!({ "force": "opened", "upstream": "ordrs", "how": 1 })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults = wrong.json()["faults"].clone();
    assert_eq!(faults[0]["nearest"], "open", "{faults:#}");
    assert_eq!(faults.as_array().unwrap().len(), 3, "{faults:#}");
    running.patch("careful", &json!({ "breaker": "off" })).await;
    assert_eq!(force(json!({ "force": "open" })).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_is_under_way_is_shown() {
    let (running, origin) = started("under-way").await;
    let address = running.address();
    let held = tokio::spawn(async move { ask(address, Method::GET, "/hold", &[], "").await.unwrap().status });
    let in_flight = "plimsoll_requests_in_flight{route=\"/\",upstream=\"orders\"}";
    eventually("a request in flight", async || running.metric(in_flight).await == Some(1.0)).await;
    let endpoint =
        format!("plimsoll_endpoint_in_flight{{upstream=\"orders\",endpoint=\"{}\"}}", origin.address);
    eventually("at the endpoint", async || running.metric(&endpoint).await == Some(1.0)).await;
    let routes = running.asked("/api/v1/routes").await.json();
    assert_eq!(routes.pointer("/routes/0/in_flight"), Some(&json!(1)));
    let policy = running.asked("/api/v1/policies/careful").await.json();
    assert_eq!(policy.pointer("/upstreams/0/bulkhead/in_flight"), Some(&json!(1)));
    origin.seen.go.add_permits(1);
    assert_eq!(held.await.unwrap(), 200);
    eventually("no request in flight", async || running.metric(in_flight).await == Some(0.0)).await;
    eventually("none at the endpoint", async || running.metric(&endpoint).await == Some(0.0)).await;
    let status = running.asked("/api/v1/status").await.json();
    assert_eq!(status["listeners"][0], running.address().to_string());
}

/// The names of families on a page, without those of this process and of the library's own bookkeeping.
fn names(page: &str) -> BTreeSet<String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_page_of_metrics_is_sound_and_documented() {
    let (running, _origin) = started("metrics").await;
    assert_eq!(running.patch("default", &leaky()).await.status, StatusCode::OK);
    for path in ["/x", "/503", "/reports/1", "/404"] {
        running.get(path).await;
    }
    malformed(&running).await;
    let address = running.address();
    let load = tokio::spawn(async move {
        let mut kept = running::Kept::to(address).await;
        loop {
            kept.get("/x").await;
        }
    });
    let page = running.asked("/metrics").await;
    assert!(page.content_type().starts_with("text/plain; version=0.0.4"), "{}", page.content_type());
    lint(&page.text());
    let open = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.1")];
    let open = ask(running.admin(), Method::GET, "/metrics", &open, "").await.unwrap();
    assert!(open.content_type().starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text().ends_with("# EOF\n"));
    load.abort();

    let documented: BTreeSet<String> = repository("docs/metrics.md")
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect();
    let shown = names(&page.text());
    let missing: Vec<_> = shown.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/metrics.md: {missing:?}");
    // Metrics of an access log come with the log.
    let gone: Vec<_> =
        documented.difference(&shown).filter(|name| !name.starts_with("plimsoll_log_")).collect();
    assert!(gone.is_empty(), "in docs/metrics.md alone: {gone:?}");
}

async fn malformed(running: &Running) {
    let mut socket = TcpStream::connect(running.address()).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await.unwrap();
    let mut response = Vec::new();
    socket.read_to_end(&mut response).await.unwrap();
    assert!(response.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&response));
}

/// Where Prometheus' own tool is at hand, it must find nothing.
fn lint(page: &str) {
    let tool = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        eprintln!("promtool is not installed: the page is not checked by it");
        return;
    };
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let found = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&found.stderr);
    assert!(found.status.success() && said.is_empty(), "{said}");
}

/// RFC 9112, section 3.2: what names no host, several, or a malformed one, is nobody's request.
#[tokio::test]
async fn a_request_to_the_admin_names_exactly_one_host() {
    let (running, _origin) = started("admin-host").await;
    for fields in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host:\r\n",
        "Host: local host\r\n",
        "Host: localhost:port\r\n",
        "Host: localhost, evil.example\r\n",
    ] {
        let mut stream = TcpStream::connect(running.admin()).await.unwrap();
        let request = format!("GET /livez HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 400 "), "{fields:?} {response}");
    }
    assert_eq!(running.asked("/livez").await.status, StatusCode::OK);
}
