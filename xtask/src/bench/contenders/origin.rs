//! The origin: nginx, which serves 150 bytes from memory and files of 1 and 64 MiB, on three ports.

use super::{Contender, Place, free_ports, nginx, text};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    path::Path,
};

/// A running origin and the place that belongs to it.
pub(crate) struct Origin {
    pub(crate) place: Place,
    _server: Contender,
}

impl Origin {
    /// Starts it, with everything under `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let place = Place::new(folder, free_ports()?);
        let files = place.folder("www/files")?;
        body(&files.join("1m"), 1 << 20)?;
        body(&files.join("64m"), 64 << 20)?;
        let listen = place.each_endpoint(|_, port| format!("listen 127.0.0.1:{port} backlog=4096;"));
        let http = format!(
            r#"sendfile on;
    keepalive_requests 100000000;
    default_type text/plain;
    server {{
        {listen}
        location / {{ return 200 "{response}"; }}
        location /files/ {{ root {root}; }}
    }}"#,
            response = "0123456789abcde".repeat(10),
            root = text(&place.folder.join("www")),
        );
        let command = nginx::command(&place, "origin", &http)?;
        let ports = [place.origin[0]; 2];
        let server = Contender::start(&place, "origin", command, ports)?;
        Ok(Self { place, _server: server })
    }
}

/// A sparse file: the origin reads zeros, which cost no disk.
pub(super) fn body(path: &Path, bytes: u64) -> Result<()> {
    if fs::metadata(path).is_ok_and(|found| found.len() == bytes) {
        return Ok(());
    }
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.set_len(bytes).with_context(|| format!("no room for {}", path.display()))
}
