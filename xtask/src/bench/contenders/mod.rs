//! The servers that are compared, each with one worker, all in front of the same origin.

mod caddy;
mod envoy;
mod folder;
mod haproxy;
mod nginx;
mod origin;
mod ours;
mod python;
mod traefik;

use super::process::Process;
use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

pub(crate) use caddy::start as caddy;
pub(crate) use envoy::{program as envoy_program, start as envoy};
pub(crate) use folder::start as folder;
pub(crate) use haproxy::{start as haproxy, start_with_splice as haproxy_with_splice};
pub(crate) use nginx::{command as nginx_command, start as nginx};
pub(crate) use origin::Origin;
pub(crate) use ours::{Policies, start as ours, start_build as build, start_under as ours_under};
pub(crate) use traefik::start as traefik;

/// A server under load.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    /// Port of HTTP/1.1.
    pub(crate) http1: u16,
    /// Port of HTTP/2 with prior knowledge; the same one where a server tells them apart.
    pub(crate) http2: u16,
}

/// Where the benches put configurations, logs and bodies, and where the origin listens.
pub(crate) struct Place {
    folder: PathBuf,
    origin: [u16; 3],
}

impl Place {
    /// The folder `folder`, which is there, and an origin on these ports.
    pub(crate) fn new(folder: &Path, origin: [u16; 3]) -> Self {
        Self { folder: folder.to_path_buf(), origin }
    }

    /// The folder `name` of the benches, made if it is not there.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// The first of the origin's ports.
    pub(crate) fn port(&self) -> u16 {
        self.origin[0]
    }

    /// Writes a configuration and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// One line for each of the origin's endpoints.
    fn each_endpoint(&self, line: impl Fn(usize, u16) -> String) -> String {
        self.origin.iter().enumerate().map(|(index, port)| line(index, *port)).collect::<Vec<_>>().join("\n")
    }
}

impl Contender {
    /// Starts a server and waits until it responds with the origin's 200 on the HTTP/1.1 port.
    pub(crate) fn start(
        place: &Place,
        name: &'static str,
        command: Command,
        [http1, http2]: [u16; 2],
    ) -> Result<Self> {
        let log = place.folder.join(format!("{}.log", name.replace(' ', "-")));
        let mut process = Process::start(command, &log)?;
        await_response(&mut process, http1).with_context(|| format!("{name} (see {})", log.display()))?;
        Ok(Self { name, process, http1, http2 })
    }
}

/// Ports that were free a moment ago.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut listeners = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

fn await_response(process: &mut Process, port: u16) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if let Some(status) = process.ended()? {
            bail!("ended at once: {status}");
        }
        if responds(port).unwrap_or(false) {
            return Ok(());
        }
        pause(Duration::from_millis(50));
    }
    bail!("did not respond on 127.0.0.1:{port} within 20 s")
}

fn responds(port: u16) -> Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    Ok(&start == b"HTTP/1.1 200")
}

/// Sleeps: servers are given time to start or to fall idle.
#[expect(clippy::disallowed_methods, reason = "a bench waits for other people's programs, in real time")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
