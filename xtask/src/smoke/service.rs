//! The service under test: started, read along with, asked, ended.

use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

/// So long that it only matters where something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// More lines of log than it writes in a run.
const LINES: usize = 10_000;

/// A running service, and its log. Dropped, it is killed.
pub(super) struct Service {
    child: Child,
    lines: Receiver<String>,
    pub(super) address: String,
    pub(super) admin: String,
}

/// A response over HTTP/1.1.
#[derive(Debug)]
pub(super) struct FullResponse {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Service {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .env_remove("PLIMSOLL_LOG")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let log = child.stderr.take().context("no standard error")?;
        let (sender, lines) = sync_channel(LINES);
        thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut service = Self { child, lines, address: String::new(), admin: String::new() };
        service.admin = service.told("the admin listens")?;
        service.address = service.told("the server listens")?;
        Ok(service)
    }

    /// The address in the line of the log that says so.
    fn told(&self, what: &str) -> Result<String> {
        let line = self.line(what)?;
        let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        address.map(ToOwned::to_owned).with_context(|| format!("no address in {line:?}"))
    }

    /// The next line of the log with `what` in it.
    pub(super) fn line(&self, what: &str) -> Result<String> {
        loop {
            let line =
                self.lines.recv_timeout(PATIENCE).with_context(|| format!("no {what:?} in the log"))?;
            if line.contains(what) {
                return Ok(line);
            }
        }
    }

    /// One request on a connection of its own.
    pub(super) fn ask(address: &str, request: &str, body: &[u8]) -> Result<FullResponse> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{request}\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())?;
        // It may be refused before it is sent.
        let _unread = stream.write_all(body);
        let mut all = Vec::new();
        // Nor may the end be a clean one, where the service left the body unread.
        let _closed = stream.read_to_end(&mut all);
        let all = String::from_utf8(all)?;
        let (head, body) = all.split_once("\r\n\r\n").with_context(|| format!("no response: {all:?}"))?;
        let status = head.get(9..12).context("no status")?.parse()?;
        Ok(FullResponse { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// Tells it to end, and waits until it has; whether it ended well.
    pub(super) fn terminate(mut self) -> Result<bool> {
        let told = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status()?;
        if !told.success() {
            bail!("the service cannot be told to end");
        }
        Ok(self.child.wait()?.success())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Gone already, where it was told to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
