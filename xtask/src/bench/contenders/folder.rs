//! Servers of files, each with one worker, all of the same folder.

use super::{Contender, Place, free_ports, nginx, origin, text};
use crate::{bench::build, workspace::Workspace};
use anyhow::Result;
use std::{path::Path, process::Command};

/// Ours, tower-http's and nginx, in this order, serving files of 1 and 64 KiB, 1 and 64 MiB.
pub(crate) fn start(workspace: &Workspace, folder: &Path) -> Result<Vec<Contender>> {
    let place = Place { folder: folder.to_path_buf(), origin: [0; 3] };
    let files = place.folder("served/files")?;
    for (name, bytes) in [("1k", 1 << 10), ("64k", 64 << 10), ("1m", 1 << 20), ("64m", 64 << 20)] {
        origin::body(&files.join(name), bytes)?;
    }
    place.write("served/index.html", "served")?;
    let root = text(&place.folder("served")?);
    let program =
        build::program(workspace, "plimsoll-http", "static-files", build::Program::Example("serve_files"))?;
    let mut servers = Vec::new();
    for name in ["plimsoll", "tower-http"] {
        let [port] = free_ports()?;
        let mut command = Command::new(&program);
        command.args([name, &port.to_string(), &root]);
        servers.push(Contender::start(&place, name, command, [port; 2])?);
    }
    let [port] = free_ports()?;
    let http = format!(
        "sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; }}"
    );
    servers.push(Contender::start(
        &place,
        "nginx",
        nginx::command(&place, "nginx-files", &http)?,
        [port; 2],
    )?);
    Ok(servers)
}
