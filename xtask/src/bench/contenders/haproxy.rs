//! HAProxy: one thread, connections to the origin always shared; plain, and with splice for large bodies.

use super::{Contender, Place, free_ports, text};
use crate::tools;
use anyhow::{Context, Result};
use std::process::Command;

/// Starts it without splice.
pub(crate) fn start(place: &Place) -> Result<Contender> {
    run(place, "haproxy", "", "")
}

/// Starts it with bodies moved inside the kernel, through the largest pipes that a user may have by default.
pub(crate) fn start_with_splice(place: &Place) -> Result<Contender> {
    let options = "    option splice-request\n    option splice-response\n";
    run(place, "haproxy splice", "    tune.pipesize 1048576\n", options)
}

fn run(place: &Place, name: &'static str, global: &str, more: &str) -> Result<Contender> {
    let [http1, http2] = free_ports()?;
    let servers = place
        .each_endpoint(|index, port| format!("    server origin{index} 127.0.0.1:{port} pool-max-conn -1"));
    let configuration = format!(
        "global
    nbthread 1
    maxconn 3000
{global}
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 60s
    timeout http-keep-alive 600s
    http-reuse always
{more}
frontend front
    bind 127.0.0.1:{http1}
    bind 127.0.0.1:{http2} proto h2
    default_backend origin

backend origin
    balance roundrobin
{servers}
"
    );
    let path = place.write(&format!("{}.cfg", name.replace(' ', "-")), &configuration)?;
    let mut command = Command::new(tools::find("haproxy").context("haproxy is not installed")?);
    command.args(["-db", "-f", &text(&path)]);
    Contender::start(place, name, command, [http1, http2])
}
