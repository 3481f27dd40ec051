//! The treatment of every request.

use crate::{
    client::{Raw, ask, get},
    stand::Stand,
};
use plimsoll_http::serve::Limits;
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

#[tokio::test]
async fn an_app_is_served_and_counted_by_its_routes() {
    let stand = Stand::new().await;
    let mut raw = Raw::to(stand.address).await;
    assert_eq!(raw.get("/").await.unwrap().body, "hello");
    assert_eq!(raw.get("/items/1").await.unwrap().body, "item");
    assert_eq!(raw.get("/items/2").await.unwrap().body, "item");
    assert!(raw.get("/peer").await.unwrap().body.starts_with("127.0.0.1:"));
    assert_eq!(raw.get("/left").await.unwrap().body, "true", "there is a deadline");
    stand.until("plimsoll_server_requests_total{route=\"/items/{id}\",code=\"2xx\"}", 2.0).await;
    stand.until("plimsoll_server_requests_in_flight", 0.0).await;
    assert!((stand.metric("plimsoll_server_connections{door=\"app\"}") - 1.0).abs() < 0.1);
}

/// A socket for both families shows its IPv4 clients as mapped addresses.
#[tokio::test]
async fn handlers_see_an_ipv4_client_as_what_it_is() {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    socket.set_only_v6(false).unwrap();
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).unwrap();
    socket.listen(16).unwrap();
    let stand = Stand::with(|server| server.on(TcpListener::from(socket))).await;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, stand.addresses[1].port()));
    for path in ["/peer", "/extension"] {
        let peer = get(address, path).await.body;
        assert!(peer.starts_with("127.0.0.1:"), "{path}: {peer}");
    }
}

#[tokio::test]
async fn what_goes_wrong_goes_out_in_one_form_and_tells_nothing() {
    let stand = Stand::new().await;
    for (path, status, kind) in [
        ("/nothing", 404, "not-found"),
        ("/boom", 500, "internal"),
        ("/fails", 500, "internal"),
        ("/echo", 405, "method-not-allowed"),
    ] {
        let answer = get(stand.address, path).await;
        assert_eq!((answer.status, answer.kind().as_str()), (status, kind), "{path}");
        assert!(!answer.body.contains("secret") && !answer.head.contains("secret"), "{answer:?}");
    }
    stand.until("plimsoll_server_requests_total{route=\"unmatched\",code=\"4xx\"}", 1.0).await;
    stand.until("plimsoll_server_requests_total{route=\"/boom\",code=\"5xx\"}", 1.0).await;
    stand.until("plimsoll_problems_total{kind=\"internal\",route=\"/fails\"}", 1.0).await;
    assert_eq!(get(stand.address, "/").await.status, 200, "and goes on");
}

/// RFC 9112, section 3.2. The admin's answers too: a name is all that keeps other sites' pages away from it.
#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let stand = Stand::new().await;
    for address in [stand.address, stand.admin] {
        for fields in [
            "",
            "host: localhost\r\nhost: localhost\r\n",
            "host: localhost\r\nhost: evil.example\r\n",
            "host: \r\n",
            "host: local host\r\n",
            "host: localhost:port\r\n",
            "host: localhost/x\r\n",
            "host: user@localhost\r\n",
            "host: localhost,evil.example\r\n",
        ] {
            let mut raw = Raw::to(address).await;
            raw.send(&format!("GET /livez HTTP/1.1\r\n{fields}\r\n")).await;
            let answer = raw.answer().await.unwrap();
            assert_eq!(
                (answer.status, answer.kind()),
                (400, "bad-request".into()),
                "{address} {fields:?} {answer:?}"
            );
            assert!(answer.body.contains("host-"), "{answer:?}");
        }
        let mut raw = Raw::to(address).await;
        raw.send("GET http://evil.example/livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert_eq!(raw.answer().await.unwrap().status, 400);
    }
    let mut old = Raw::to(stand.address).await;
    old.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.answer().await.unwrap().body, "hello");
}

#[tokio::test]
async fn a_request_has_one_name_everywhere() {
    let stand = Stand::new().await;
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = ask(stand.address, &format!("GET /trace HTTP/1.1\r\n{trace}"), "").await;
    assert_eq!(answer.body, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(answer.header("x-request-id"), Some("4bf92f3577b34da6a3ce929d0e0e4736"));

    let answer = ask(stand.address, "GET /id HTTP/1.1\r\nx-request-id: mine-7", "").await;
    assert_eq!((answer.body.as_str(), answer.header("x-request-id")), ("mine-7", Some("mine-7")));

    // The id of a problem is the trace, too: what the caller is told leads to everything.
    let answer = ask(stand.address, &format!("GET /boom HTTP/1.1\r\n{trace}"), "").await;
    assert!(answer.body.contains("\"id\":\"4bf92f3577b34da6a3ce929d0e0e4736\""), "{answer:?}");
    assert_eq!(answer.header("x-request-id"), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[tokio::test]
async fn what_runs_beside_a_server_is_supervised() {
    let stand = Stand::with(|server| server.limits(Limits::default())).await;
    let page = get(stand.admin, "/metrics").await.body;
    for task in ["lock watch", "lag probe"] {
        assert!(page.contains(&format!("plimsoll_task_restarts_total{{task=\"{task}\"}} 0")), "{page}");
    }
}

#[tokio::test]
async fn the_admin_tells_of_life_readiness_and_metrics() {
    let stand = Stand::new().await;
    assert_eq!(get(stand.admin, "/livez").await.status, 200);
    assert_eq!(get(stand.admin, "/readyz").await.status, 200);
    let page = get(stand.admin, "/metrics").await.body;
    assert!(page.contains("plimsoll_server_connections{door=\"admin\"} 1"), "{page}");
    assert!(page.contains("plimsoll_task_restarts_total{task=\"lock watch\"} 0"), "{page}");
    assert!(page.contains("plimsoll_lock_findings{kind=\"cycle\",certain=\"true\"} 0"), "{page}");
    assert_eq!(get(stand.admin, "/else").await.kind(), "no-route");
    let mut raw = Raw::to(stand.admin).await;
    raw.send("GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 403);
}

/// Whether the kernel has a probe due on a connection of this server: its timer is 2 then.
#[cfg(target_os = "linux")]
fn is_probed(server: SocketAddr) -> Option<bool> {
    let address = format!("0100007F:{:04X}", server.port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        (fields[3] == "01" && fields[1] == address).then(|| &fields[5][..2] == "02")
    })
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn silent_clients_are_probed_unless_that_is_switched_off() {
    for keep_alive in [Some(plimsoll_http::KeepAlive::default()), None] {
        let stand =
            Stand::with(|server| server.limits(Limits { shedding: None, keep_alive, ..Limits::default() }));
        let stand = stand.await;
        let mut raw = Raw::to(stand.address).await;
        assert_eq!(raw.get("/").await.unwrap().status, 200);
        let told = async {
            while is_probed(stand.address) != Some(keep_alive.is_some()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::client::PATIENCE, told).await.unwrap();
    }
}
