//! The view of a running gateway.

use plimsoll_gateway::{Gateway, file};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Sends 503 to every request, one a connection.
fn failing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).unwrap();
            let response =
                b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(response).unwrap();
        }
    });
    address
}

fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn what_happened_is_in_the_view() {
    let text = format!(
        r#"
        version = 1
        workers = 1
        admin = "off"
        [[listener]]
        listen = "127.0.0.1:0"
        [[route]]
        upstream = "orders"
        policy = "twice"
        [upstream.orders]
        endpoints = ["{}", "{}"]
        ejection = {{ consecutive-failures = 1, for = "1h", at-most = "100%" }}
        [policy.twice]
        retry = {{ attempts = 2, backoff = "1ms..2ms" }}
        "#,
        failing(),
        failing(),
    );
    let spec = file::parse("test", &text, &|_| None).map_err(|invalid| invalid.to_string()).unwrap().spec;
    let gateway = Gateway::start(spec).unwrap();
    assert!(gateway.upstreams()[0].endpoints.iter().all(|endpoint| endpoint.healthy));
    assert!(gateway.upstreams()[0].endpoints.iter().all(|endpoint| endpoint.ejected_for.is_none()));

    assert!(get(gateway.addresses()[0]).starts_with("HTTP/1.1 503 "));

    let policies = gateway.policies();
    assert_eq!(policies.len(), 1);
    assert_eq!((&*policies[0].policy, policies[0].upstream.as_str()), ("twice", "orders"));
    let counts = policies[0].counts;
    assert_eq!((counts.calls, counts.first_attempts, counts.retry_attempts), (1, 1, 1));
    assert!(policies[0].machines.breaker.is_some() && policies[0].machines.rate_limit.is_none());
    let upstreams = gateway.upstreams();
    // The second of two is never ejected: nothing would be left.
    assert_eq!(upstreams[0].ejections, 1);
    assert_eq!(upstreams[0].endpoints.iter().filter(|endpoint| endpoint.ejected_for.is_some()).count(), 1);
    assert_eq!(gateway.drain(std::time::Duration::from_secs(30)), 0);
}
