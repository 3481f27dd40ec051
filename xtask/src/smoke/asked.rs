//! The responses that the README promises.

use super::service::{FullResponse, Service};
use anyhow::{Context, Result, ensure};

/// Asks it.
///
/// # Errors
/// With the first response that differs.
pub(super) fn everything(service: Service) -> Result<()> {
    let ask = |request: &str| Service::ask(&service.address, &format!("{request} HTTP/1.1"), b"");

    let response = ask("GET /orders/7")?;
    ensure!((response.status, response.body.as_str()) == (200, "{\"id\":7}"), "{response:?}");
    problem(&ask("GET /orders/8")?, 404, "not-found", "\"code\":\"no-such-order\"")?;
    problem(&ask("GET /nothing")?, 404, "not-found", "")?;
    problem(&ask("GET /orders/x")?, 400, "bad-request", "")?;
    problem(&ask("DELETE /orders/7")?, 405, "method-not-allowed", "")?;

    let panicked = ask("GET /orders/13")?;
    problem(&panicked, 500, "internal", "\"id\":\"")?;
    ensure!(
        !panicked.head.contains("hunter2") && !panicked.body.contains("hunter2"),
        "it leaks: {panicked:?}"
    );
    let id =
        panicked.body.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).context("no id")?;
    let line = service.line("the password of the database is hunter2")?;
    let line = if line.contains(id) { line } else { service.line(id)? };
    ensure!(line.contains(id), "the log has another id: {line}");

    problem(&ask("GET /report")?, 504, "deadline-exceeded", "")?;
    let hasty = "GET /report HTTP/1.1\r\nx-envoy-expected-rq-timeout-ms: 100";
    problem(&Service::ask(&service.address, hasty, b"")?, 504, "deadline-exceeded", "")?;

    let large = vec![b'x'; (2 << 20) + 1];
    let told = format!("POST /echo HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: {}", large.len());
    problem(
        &Service::ask(&service.address, &format!("{told}\r\nexpect: 100-continue"), b"")?,
        413,
        "body-too-large",
        "",
    )?;
    let small = Service::ask(&service.address, "POST /echo HTTP/1.1\r\ncontent-length: 5", b"hello")?;
    ensure!((small.status, small.body.as_str()) == (200, "hello"), "{small:?}");

    // Twenty at once are let through: of a hundred sent in one piece, most are not, however slow the machine is.
    let hundred = "GET /orders/7 HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(99) + "GET /orders/7 HTTP/1.1";
    let responses = Service::ask(&service.address, &hundred, b"")?.body;
    for said in ["HTTP/1.1 429 ", "retry-after: 1", "\"type\":\"urn:plimsoll:problem:rate-limited\""] {
        ensure!(responses.contains(said), "{said:?} is not in {responses}");
    }

    let admin = |path: &str| Service::ask(&service.admin, &format!("GET {path} HTTP/1.1"), b"");
    ensure!(admin("/livez")?.status == 200 && admin("/readyz")?.status == 200, "the probes say no");
    let metrics = admin("/metrics")?.body;
    let counted = "plimsoll_server_requests_total{route=\"/orders/{id}\",code=\"5xx\"} 1";
    ensure!(metrics.contains(counted), "{counted} is not in\n{metrics}");

    ensure!(service.terminate()?, "it does not end well");
    Ok(())
}

/// It is a problem of this kind, and says this.
fn problem(response: &FullResponse, status: u16, kind: &str, says: &str) -> Result<()> {
    let kind = format!("\"type\":\"urn:plimsoll:problem:{kind}\"");
    let right = response.status == status
        && response.head.contains("content-type: application/problem+json")
        && response.head.contains("x-request-id: ")
        && response.body.contains(&kind)
        && response.body.contains(says);
    ensure!(right, "{status} with {kind} and {says} was expected: {response:?}");
    Ok(())
}
