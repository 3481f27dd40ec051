//! TCP keep-alive, as the kernel tells of the gateway's sockets.
#![cfg(target_os = "linux")]

use crate::support::{Origin, Setup, until};
use std::{fs, net::SocketAddr};

/// The timer of an open connection between these addresses, at the side of the first: 2 where a probe is due some day.
fn timer(ours: Option<SocketAddr>, theirs: Option<SocketAddr>) -> Option<String> {
    let written = |address: SocketAddr| match address {
        SocketAddr::V4(address) => {
            let ip = u32::from_ne_bytes(address.ip().octets());
            format!("{ip:08X}:{:04X}", address.port())
        }
        SocketAddr::V6(_) => unreachable!("these tests use IPv4"),
    };
    let is = |wanted: Option<SocketAddr>, found: &str| wanted.is_none_or(|wanted| written(wanted) == found);
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let open = fields[3] == "01" && is(ours, fields[1]) && is(theirs, fields[2]);
        open.then(|| fields[5][..2].to_owned())
    })
}

#[test]
fn silent_clients_and_endpoints_are_probed() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    let probed = || Some("02".to_owned());
    until("the client is probed", || (timer(Some(gateway.address), None) == probed()).then_some(()));
    until("the endpoint is probed", || (timer(None, Some(origin.address)) == probed()).then_some(()));
}

#[test]
fn probes_can_be_switched_off() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).top("network = { keep-alive = \"off\" }").start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    let none = || Some("00".to_owned());
    until("the client is not probed", || (timer(Some(gateway.address), None) == none()).then_some(()));
    until("the endpoint is not probed", || (timer(None, Some(origin.address)) == none()).then_some(()));
}
