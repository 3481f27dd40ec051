//! The log of each request.

use crate::{
    client::{Raw, ask},
    stand::Stand,
};
use plimsoll_testkit::Written;

fn lines_with(page: &Written, what: &str) -> Vec<serde_json::Value> {
    let text = page.text();
    let lines = text.lines().filter(|line| line.contains(what));
    lines.map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

#[tokio::test]
async fn each_request_is_one_line_that_says_no_path() {
    let page = Written::default();
    let to = page.clone();
    let log = tracing_subscriber::fmt().json().flatten_event(true);
    let subscriber = log.with_writer(move || to.clone()).finish();
    // Of this thread alone, on which the server runs, too.
    let _writing = tracing::subscriber::set_default(subscriber);
    let stand = Stand::new().await;
    let head = "GET /items/secret?token=secret HTTP/1.1\r\nx-request-id: mine-7";
    assert_eq!(ask(stand.address, head, "").await.status, 200);
    let mut held = Raw::to(stand.address).await;
    held.send("GET /held HTTP/1.1\r\nhost: a\r\nx-request-id: left-8\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    drop(held);
    stand.until("plimsoll_server_requests_total{route=\"/held\",code=\"gone\"}", 1.0).await;

    let [line] = &lines_with(&page, "mine-7")[..] else { panic!("one line") };
    assert_eq!(line["target"], "plimsoll::requests");
    assert_eq!(
        (&line["id"], &line["method"], &line["route"]),
        (&"mine-7".into(), &"GET".into(), &"/items/{id}".into())
    );
    assert_eq!((&line["status"], &line["client"]), (&200.into(), &"127.0.0.1".into()));
    assert_eq!(line["trace"].as_str().unwrap().len(), 32);
    assert!(line["duration_us"].is_u64());
    assert!(lines_with(&page, "secret").is_empty(), "neither path nor query");
    let [left] = &lines_with(&page, "left-8")[..] else { panic!("one line") };
    assert_eq!((&left["message"], &left["status"]), (&"client gone".into(), &serde_json::Value::Null));
}
