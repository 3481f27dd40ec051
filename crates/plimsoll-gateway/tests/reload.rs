//! Another configuration while the gateway serves.

mod running;

use http::{Method, StatusCode};
use plimsoll_gateway::Gateway;
use running::{Origin, Running, ask, eventually};
use serde_json::json;
use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

fn file(upstream: &Origin) -> String {
    format!(
        r#"ADMIN
LISTENER
[[route]]
upstream = "orders"
policy = "careful"
[upstream.orders]
endpoints = ["{}"]
[policy.careful]
rate-limit = {{ rate = "1/h", burst = 10000 }}
"#,
        upstream.address
    )
}

async fn started(test: &str) -> (Running, Origin) {
    let origin = Origin::http1().await;
    let running = Running::start(test, &file(&origin)).await;
    (running, origin)
}

#[tokio::test]
async fn a_good_file_is_taken_up_and_machines_keep_their_state() {
    let (running, origin) = started("good").await;
    running.get("/x").await;
    let force = json!({ "force": "isolated" }).to_string();
    running.change(Method::POST, "/api/v1/policies/careful/breaker", &force).await;
    running.rewrite(
        &file(&origin)
            .replace("burst = 10000", "burst = 50")
            .replace("[[route]]", "[[route]]\npath = \"/a\""),
    );
    let reloaded = running.reload().await;
    assert_eq!(reloaded.json(), json!({ "generation": 2 }));
    assert_eq!(running.get("/b").await.status, StatusCode::NOT_FOUND, "the new routes");
    assert_eq!(running.get("/a").await.status, StatusCode::SERVICE_UNAVAILABLE, "the breaker is as it was");
    let policy = running.asked("/api/v1/policies/careful").await.json();
    let rate = &policy["upstreams"][0]["rate_limit"];
    assert_eq!((&rate["burst"], &rate["available"]), (&json!(50), &json!(48)), "two are gone");
    let gone = "plimsoll_requests_in_flight{route=\"/\",upstream=\"orders\"}";
    eventually("series of the old route end", async || running.metric(gone).await.is_none()).await;
    assert_eq!(running.metric("plimsoll_reloads_total{result=\"applied\"}").await, Some(1.0));
    assert_eq!(running.metric("plimsoll_config_generation").await, Some(2.0));
    let status = running.asked("/api/v1/status").await.json();
    assert_eq!(status["last_reload"]["result"], "applied");
}

#[tokio::test]
async fn the_shape_of_a_rate_limit_changes_live_and_what_was_used_stays_used() {
    let (running, origin) = started("shape").await;
    for _ in 0..3 {
        running.get("/x").await;
    }
    let rate_limit = async || {
        let policy = running.asked("/api/v1/policies/careful").await.json();
        policy["upstreams"][0]["rate_limit"].clone()
    };
    let patched = running.patch("careful", &json!({ "rate-limit": { "shape": "leaky-bucket" } })).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    let queue = rate_limit().await;
    // Three were used, and none has come back within the hour: one has gone, as it were, and two wait.
    assert_eq!((&queue["burst"], &queue["waiting"]), (&json!(10000), &json!(2)), "{queue}");
    assert!(queue["wait_ms"].as_f64().unwrap() > 2.0 * 3_600_000.0, "{queue}");
    let waiting = "plimsoll_rate_limit_waiting{policy=\"careful\",upstream=\"orders\"}";
    assert_eq!(running.metric(waiting).await, Some(2.0));
    let refused = running.get("/x").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "its turn would come after its deadline");
    assert!(refused.headers.contains_key("retry-after"));

    let apart = running.patch("careful", &json!({ "rate-limit": { "per": "client" } })).await;
    assert_eq!(apart.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(apart.text().contains("one queue for all calls"), "{}", apart.text());

    // The file has a token bucket.
    running.rewrite(&file(&origin).replace("burst = 10000", "burst = 50"));
    assert_eq!(running.reload().await.status, 200);
    let bucket = rate_limit().await;
    assert_eq!((&bucket["burst"], &bucket["available"]), (&json!(50), &json!(47)), "{bucket}");
    assert_eq!(running.metric(waiting).await, None);
    assert_eq!(running.get("/x").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bad_file_is_refused_with_every_fault() {
    let (running, origin) = started("bad").await;
    running.rewrite(
        &file(&origin)
            .replace("burst = 10000", "burst = 0")
            .replace("upstream = \"orders\"", "upstream = \"ordrs\""),
    );
    let refused = running.reload().await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = refused.json();
    let faults = problem["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 2, "{problem:#}");
    assert_eq!(faults[0]["nearest"], "orders");
    assert!(faults.iter().all(|fault| fault["line"].is_u64() && fault["column"].is_u64()), "{problem:#}");
    assert_eq!(running.get("/x").await.status, StatusCode::OK);
    assert_eq!(running.metric("plimsoll_reloads_total{result=\"refused\"}").await, Some(1.0));
    let status = running.asked("/api/v1/status").await.json();
    assert_eq!((&status["generation"], &status["last_reload"]["result"]), (&json!(1), &json!("refused")));
    std::fs::remove_file(running.file()).unwrap();
    assert_eq!(running.reload().await.status, StatusCode::CONFLICT, "no file");
    assert_eq!(running.get("/x").await.status, StatusCode::OK);
}

#[tokio::test]
async fn listeners_come_and_go() {
    let (running, origin) = started("listeners").await;
    let first = running.address();
    let free: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = |address: &str| format!("[[listener]]\nlisten = \"{address}\"\n");
    running
        .rewrite(&file(&origin).replace("LISTENER", &format!("LISTENER\n{}", listener(&free.to_string()))));
    assert_eq!(running.reload().await.status, 200);
    assert_eq!(running.control.gateway().addresses(), [first, free]);
    assert_eq!(ask(free, Method::GET, "/x", &[], "").await.unwrap().status, 200);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    running.rewrite(
        &file(&origin).replace("LISTENER", &format!("LISTENER\n{}", listener(&taken.1.to_string()))),
    );
    let refused = running.reload().await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.json()["detail"].as_str().unwrap().contains(&taken.1.to_string()), "{}", refused.text());
    assert_eq!(ask(free, Method::GET, "/x", &[], "").await.unwrap().status, 200, "nothing has changed");

    running.rewrite(&file(&origin));
    assert_eq!(running.reload().await.status, 200);
    eventually("the socket is closed", async || ask(free, Method::GET, "/x", &[], "").await.is_err()).await;
    assert_eq!(running.get("/x").await.status, 200);
}

#[tokio::test]
async fn what_needs_a_restart_stays() {
    let (running, origin) = started("restart").await;
    let admin = running.admin();
    running.rewrite(
        &file(&origin)
            .replace("ADMIN", "ADMIN\ntoken = \"hunter2\"\n")
            .replace("version = 1", "version = 1\nworkers = 7"),
    );
    assert_eq!(running.reload().await.status, 200);
    assert_eq!(running.admin(), admin);
    let config = running.asked("/api/v1/config").await.json();
    assert_eq!(config.pointer("/config/admin/token"), None);
    assert_eq!(config.pointer("/config/workers"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_fails_under_load() {
    let file = |origin: &Origin| file(origin).replace("1/h", "1000000/s").replace("10000 ", "1000000 ");
    let (origin, other) = (Origin::http1().await, Origin::http1().await);
    let running = Running::start("load", &file(&origin)).await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (stop, done, address) = (Arc::clone(&stop), Arc::clone(&done), running.address());
        clients.spawn(async move {
            let mut kept = running::Kept::to(address).await;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(kept.get("/x").await, StatusCode::OK);
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for round in 0..20 {
        let enough = done.load(Ordering::Relaxed) + 50;
        eventually("requests between reloads", async || done.load(Ordering::Relaxed) >= enough).await;
        let origin = if round % 2 == 0 { &other } else { &origin };
        running.rewrite(&file(origin).replace("LISTENER", "LISTENER\n[limits]\nfields = 99\n"));
        assert_eq!(running.reload().await.status, 200);
        let patch = json!({ "bulkhead": { "in-flight": 100 + round } });
        assert_eq!(running.patch("careful", &patch).await.status, 200);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    assert_eq!(running.asked("/api/v1/status").await.json()["generation"], 41);
    assert!(other.seen.requests.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn a_drain_lets_what_is_under_way_finish() {
    let (running, origin) = started("drain").await;
    let address = running.address();
    let held = tokio::spawn(ask_hold(address));
    eventually("a held request", async || origin.seen.held.load(Ordering::SeqCst) == 1).await;
    assert_eq!(running.asked("/readyz").await.status, 200);
    let drained = running.control.drain(Duration::from_secs(30));
    let meanwhile = async {
        eventually("not ready", async || running.asked("/readyz").await.status == 503).await;
        assert_eq!(running.asked("/livez").await.status, 200);
        eventually("no new connections", async || ask(address, Method::GET, "/x", &[], "").await.is_err())
            .await;
        assert_eq!(running.reload().await.status, StatusCode::CONFLICT);
        assert_eq!(running.patch("careful", &json!({})).await.status, StatusCode::CONFLICT);
        assert_eq!(running.metric("plimsoll_draining").await, Some(1.0));
        origin.seen.go.add_permits(1);
    };
    let (cut, ()) = tokio::join!(drained, meanwhile);
    assert_eq!(cut, 0);
    let response = held.await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["connection"], "close");
}

async fn ask_hold(address: SocketAddr) -> running::ReceivedResponse {
    ask(address, Method::GET, "/hold", &[], "").await.unwrap()
}

#[tokio::test]
async fn sockets_that_are_handed_over_are_used() {
    let (running, _origin) = started("inherited").await;
    let spec = running.control.gateway().spec();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut spec = (*spec).clone();
    spec.workers = std::num::NonZeroUsize::new(3);
    spec.listeners = vec![plimsoll_gateway::spec::ListenerSpec::new(address)];
    // The address is in use already: the gateway could not bind it by itself.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut handed = vec![other, socket];
    let gateway = tokio::task::spawn_blocking(move || {
        let gateway = Gateway::start_with(
            spec,
            &mut handed,
            plimsoll::driver::Time::TOKIO,
            Arc::new(plimsoll::http::dial::SystemResolver),
        )
        .unwrap();
        assert_eq!(handed.len(), 1, "what no listener wants stays");
        gateway
    });
    let gateway = gateway.await.unwrap();
    for _ in 0..10 {
        assert_eq!(ask(address, Method::GET, "/x", &[], "").await.unwrap().status, 200);
    }
    assert_eq!(tokio::task::spawn_blocking(move || gateway.drain(Duration::from_secs(30))).await.unwrap(), 0);
}
