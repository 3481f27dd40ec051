//! Blame for a request that goes wrong: the client's, the endpoint's, or nobody's.
//!
//! | file | what |
//! | --- | --- |
//! | `client` | what a client does, and what is lacking here, tells the machines nothing of an endpoint |
//! | `endpoint` | what an endpoint does tells them all of it, its body included, as soon as it is known |
//! | `alternatives` | hedges, retries and queued calls where there is another endpoint, and where there is none |

mod alternatives;
mod client;
mod endpoint;

use crate::support::{
    Running, Setup,
    http2::{self, converse, request},
};
use std::net::SocketAddr;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const RETRY: &str = r#"retry = { attempts = 3, backoff = "1ms..2ms", budget = "100%", reserve = 100 }"#;
/// One failure opens it, and it stays open.
const TOUCHY: &str =
    r#"breaker = { minimum-calls = 1, failure-ratio = "1%", open = "60s", max-open = "60s" }"#;
const HTTP2: &str = "protocol = \"h2\"";

/// The protocol that a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Front {
    Http1,
    Http2,
}

const FRONTS: [Front; 2] = [Front::Http1, Front::Http2];

/// A gateway whose machines make the most of the least failure.
fn touchy(endpoints: impl IntoIterator<Item = SocketAddr>) -> Setup {
    Setup::to_addresses(endpoints)
        .upstream("ejection = { consecutive-failures = 1 }")
        .policy(TOUCHY)
        .policy(RETRY)
}

fn state(gateway: &Running, state: &str) -> bool {
    gateway.metric("plimsoll_breaker_state", &[&format!("state=\"{state}\"")]) == 1
}

/// Asks from a connection of its own: the status, and the body if it came whole.
fn get(gateway: &Running, front: Front, path: &str) -> (u16, Option<Vec<u8>>) {
    match front {
        Front::Http1 => {
            let mut client = gateway.client();
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            match client.try_response("GET") {
                Ok(response) => (response.status(), Some(response.body)),
                Err((_, response)) => (response.map_or(0, |response| response.status()), None),
            }
        }
        Front::Http2 => converse(async {
            let mut sender = http2::client(gateway.address).await;
            let (response, _) = sender.send_request(request("GET", path), true).unwrap();
            let Ok(response) = response.await else { return (0, None) };
            let (parts, body) = response.into_parts();
            (parts.status.as_u16(), http2::read(body).await.ok().map(|(body, _)| body))
        }),
    }
}
