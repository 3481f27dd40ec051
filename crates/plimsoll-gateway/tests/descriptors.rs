//! A process without descriptors blames no endpoint. A process of its own, since the limit is the process's.
#![cfg(target_os = "linux")]

use plimsoll::telemetry::Format;
use plimsoll_gateway::{Gateway, file};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// How long there are none.
const WITHOUT: Duration = Duration::from_secs(1);

/// Closes every connection after one response, so that each attempt needs a new one.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        loop {
            let Ok((mut stream, _)) = listener.accept() else {
                std::thread::yield_now();
                continue;
            };
            let mut head = [0; 1024];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    address
}

struct ReceivedResponse {
    status: u16,
    body: String,
}

/// Asks over a kept connection.
fn ask(client: &mut BufReader<TcpStream>) -> ReceivedResponse {
    client.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        assert!(client.read_line(&mut line).unwrap() > 0, "a whole head");
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push(line);
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).unwrap();
    let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
    ReceivedResponse { status, body: String::from_utf8(body).unwrap() }
}

/// The sum of a metric's samples that have this label.
fn metric(gateway: &Gateway, name: &str, label: &str) -> f64 {
    let page = gateway.registry().render(Format::Prometheus);
    let of_it = page.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.contains(label));
    of_it.map(|rest| rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[test]
fn a_process_without_descriptors_blames_no_endpoint() {
    let (one, other) = (origin(), origin());
    let text = format!(
        r#"version = 1
workers = 1
admin = "off"
[[listener]]
listen = "127.0.0.1:0"
[[route]]
upstream = "origin"
policy = "p"
[upstream.origin]
endpoints = ["{one}", "{other}"]
ejection = {{ consecutive-failures = 1 }}
[policy.p]
breaker = {{ minimum-calls = 1, failure-ratio = "1%" }}
"#
    );
    let gateway = Gateway::start(file::parse("test.toml", &text, &|_| None).unwrap().spec).unwrap();
    let mut client = BufReader::new(TcpStream::connect(gateway.addresses()[0]).unwrap());
    client.get_mut().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(ask(&mut client).body, "ok");

    let before = getrlimit(Resource::Nofile);
    // What is open stays open, and nothing else opens.
    setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..before }).unwrap();
    let until = Instant::now() + WITHOUT;
    let mut refused = 0;
    while Instant::now() < until {
        let response = ask(&mut client);
        // The origin may have had one descriptor more at hand than it showed.
        if response.status != 200 {
            assert_eq!(response.status, 503, "{}", response.body);
            assert!(response.body.contains("urn:plimsoll:problem:overloaded"), "{}", response.body);
            refused += 1;
        }
    }
    setrlimit(Resource::Nofile, before).unwrap();

    assert!(refused > 0, "there were none");
    assert!((metric(&gateway, "plimsoll_breaker_state", "state=\"closed\"") - 1.0).abs() < 0.5);
    for none in ["plimsoll_ejections_total", "plimsoll_ejections_withheld_total"] {
        assert!(metric(&gateway, none, "").abs() < 0.5, "{none}");
    }
    for _ in 0..10 {
        assert_eq!(ask(&mut client).body, "ok");
    }
}
