//! Thresholds and levels that change while a service runs.

use crate::{
    client::{Answer, Raw, get},
    stand::Stand,
};
use plimsoll_http::serve::LogFilter;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

async fn send(admin: SocketAddr, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
    let mut raw = Raw::to(admin).await;
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}");
    raw.send(&format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    raw.answer().await.expect("an answer")
}

async fn patch(admin: SocketAddr, path: &str, body: &str) -> (u16, serde_json::Value) {
    let answer = send(admin, "PATCH", path, "application/json", body).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

#[tokio::test]
async fn a_threshold_of_the_server_changes_while_it_runs() {
    let stand = Stand::new().await;
    let path = "/api/v1/policies/server";
    let shown: serde_json::Value = serde_json::from_str(&get(stand.admin, path).await.body).unwrap();
    assert_eq!((&shown["name"], &shown["spec"]["rate-limit"]["rate"]), (&"server".into(), &"1000/s".into()));
    assert_eq!(get(stand.address, "/").await.status, 200);
    let (status, patched) = patch(stand.admin, path, r#"{"rate-limit": {"rate": "1/h", "burst": 1}}"#).await;
    assert_eq!((status, &patched["spec"]["rate-limit"]["rate"]), (200, &"1/h".into()), "{patched}");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(get(stand.address, "/").await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    for (wrong, said) in [
        (r#"{"rate-limit": "off"}"#, "switched on or off"),
        (r#"{"rate-limit": {"per": "all", "shape": "leaky-bucket"}}"#, "wait for its rate"),
        (r#"{"breaker": {}}"#, "no such machine"),
        (r#"{"rate-limt": {}}"#, "rate-limit"),
    ] {
        let (status, problem) = patch(stand.admin, path, wrong).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["faults"].to_string().contains(said), "{wrong}: {problem}");
    }
}

#[cfg(feature = "client")]
#[tokio::test]
async fn the_policies_of_clients_change_while_they_run() {
    use plimsoll_http::client::Client;
    use plimsoll_policy::PolicySpec;

    let stand = Stand::new().await;
    let client = Client::to("http://127.0.0.1:9", ("admin-test", PolicySpec::default())).unwrap();
    let path = "/api/v1/policies/admin-test";
    let (status, shown) = patch(stand.admin, path, r#"{"retry": "off"}"#).await;
    assert_eq!((status, &shown["spec"]["retry"]), (200, &"off".into()), "{shown}");
    assert_eq!(client.handles()[0].spec().retry, None);
    assert_eq!(shown["upstreams"][0]["breaker"]["state"], "closed");

    let order = format!("{path}/breaker");
    let forced = send(stand.admin, "POST", &order, "application/json", r#"{"force":"open"}"#).await;
    assert_eq!(forced.status, 200);
    assert!(client.get("/").send().await.unwrap_err().is_rejected());

    let simple = send(stand.admin, "PATCH", path, "text/plain", "{}").await;
    assert_eq!(simple.status, 415, "what a form can send changes nothing");
    let (status, problem) = patch(stand.admin, "/api/v1/policies/admin-tset", "{}").await;
    assert_eq!((status, &problem["nearest"]), (404, &"admin-test".into()), "{problem}");
    drop(client);
    assert_eq!(get(stand.admin, path).await.status, 404, "who is gone is not shown");
}

#[tokio::test]
async fn levels_of_the_log_change_while_it_runs() {
    let filter = Arc::new(Mutex::new("info".to_owned()));
    let (shown, changed) = (Arc::clone(&filter), Arc::clone(&filter));
    let log = LogFilter::new(
        move || shown.lock().unwrap().clone(),
        move |new| {
            if new == "nonsense" {
                return Err("there is no such level".to_owned());
            }
            *changed.lock().unwrap() = new.to_owned();
            Ok(())
        },
    );
    let stand = Stand::with(|server| server.log_filter(log)).await;
    let (status, answer) = patch(stand.admin, "/api/v1/log", r#"{"filter": "debug"}"#).await;
    assert_eq!((status, &answer["filter"], filter.lock().unwrap().as_str()), (200, &"debug".into(), "debug"));
    for wrong in [r#"{"filter": "nonsense"}"#, r#"{"level": "debug"}"#, "7"] {
        assert_eq!(patch(stand.admin, "/api/v1/log", wrong).await.0, 422, "{wrong}");
    }
    assert!(get(stand.admin, "/api/v1/log").await.body.contains("debug"));
    let without = Stand::new().await;
    assert_eq!(patch(without.admin, "/api/v1/log", r#"{"filter": "debug"}"#).await.0, 409);
}

#[tokio::test]
async fn the_status_warns_of_a_proxy_that_nobody_named() {
    let stand = Stand::new().await;
    let quiet: serde_json::Value =
        serde_json::from_str(&get(stand.admin, "/api/v1/status").await.body).unwrap();
    assert_eq!((&quiet["warnings"], &quiet["draining"]), (&serde_json::json!([]), &false.into()));
    crate::client::ask(stand.address, "GET / HTTP/1.1\r\nx-forwarded-for: 198.51.100.7", "").await;
    let status: serde_json::Value =
        serde_json::from_str(&get(stand.admin, "/api/v1/status").await.body).unwrap();
    assert!(status["warnings"][0].as_str().unwrap().contains("Server::trusting"), "{status}");
}
