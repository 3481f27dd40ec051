//! nginx as a proxy: one worker, kept-alive upstream connections, large buffers.

use super::{Contender, Place, free_ports, text};
use crate::tools;
use anyhow::{Context, Result};
use std::process::Command;

/// Starts it.
pub(crate) fn start(place: &Place) -> Result<Contender> {
    let [http1, http2] = free_ports()?;
    let servers = place.each_endpoint(|_, port| format!("server 127.0.0.1:{port};"));
    // Without the large buffers and with temporary files, 64 MiB would cost nginx three times as much.
    let http = format!(
        "upstream origin {{ {servers} keepalive 256; keepalive_requests 100000000; }}
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_max_temp_file_size 0;
    proxy_buffers 16 128k;
    proxy_busy_buffers_size 256k;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    server {{ listen 127.0.0.1:{http1} backlog=4096; location / {{ proxy_pass http://origin; }} }}
    server {{ listen 127.0.0.1:{http2} http2 backlog=4096; location / {{ proxy_pass http://origin; }} }}"
    );
    Contender::start(place, "nginx", command(place, "nginx", &http)?, [http1, http2])
}

/// nginx in the foreground with one worker, `http` inside its `http` block.
pub(crate) fn command(place: &Place, name: &str, http: &str) -> Result<Command> {
    let folder = text(&place.folder(name)?);
    // Started by root, workers would turn into a user who may not read the folder.
    let user =
        if Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0" { "user root;" } else { "" };
    let configuration = format!(
        "{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
}}
"
    );
    let path = place.write(&format!("{name}.conf"), &configuration)?;
    let mut command = Command::new(tools::find("nginx").context("nginx is not installed")?);
    command.args(["-p", &folder, "-c", &text(&path)]);
    Ok(command)
}
