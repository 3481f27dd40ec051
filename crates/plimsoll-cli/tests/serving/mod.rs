//! A running `plimsoll run`, an origin behind it, and a client before it.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take, on the slowest of machines.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the condition holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came about: {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// The program, serving. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    child: Child,
    log: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Serving {
    pub(crate) fn start(file: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(["run", "--log", "json", file]).stdin(Stdio::null());
        Self::spawn(command)
    }

    /// As a service manager would start it: with a socket as its fourth descriptor, and an address to tell how things
    /// stand.
    #[allow(dead_code, reason = "not every file of tests hands sockets over")]
    pub(crate) fn handed(file: &str, socket: TcpListener, notices: &Path) -> Self {
        let script =
            "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" run --log json \"$1\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_plimsoll"), file]);
        command.env("NOTIFY_SOCKET", notices).stdin(Stdio::from(OwnedFd::from(socket)));
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let line = found(&mut log, "\"serving\"");
        let line: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().trim_matches(['[', ']']).to_owned();
        let (address, admin) = (text("listeners").parse().unwrap(), text("admin").parse().unwrap());
        Self { child, log, address, admin }
    }

    /// Waits until the log says this.
    #[allow(dead_code, reason = "not every file of tests waits for words")]
    pub(crate) fn said(&mut self, text: &str) {
        found(&mut self.log, text);
    }

    /// Waits for the line of the log that says this.
    #[allow(dead_code, reason = "not every file of tests reads lines")]
    pub(crate) fn line(&mut self, text: &str) -> String {
        found(&mut self.log, text)
    }

    /// The rest of the log, up to the end of the program.
    #[allow(dead_code, reason = "not every file of tests reads the rest")]
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        rest
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Its exit code, once it has ended.
    #[allow(dead_code, reason = "not every file of tests waits for the end")]
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut code = None;
        eventually("it ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.and_then(|code| code.code())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn found(log: &mut impl BufRead, text: &str) -> String {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended without {text:?}:\n{all}");
        if line.contains(text) {
            return line;
        }
        all.push_str(&line);
    }
}

/// Status and body, or `None` if there was no response.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    send(address, "GET", path, "")
}

/// As [`get`], by another method and with a body of JSON.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let kind = if body.is_empty() {
        String::new()
    } else {
        format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
    };
    // In one piece: small ones would wait for each other.
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{kind}\r\n{body}");
    socket.write_all(request.as_bytes()).ok()?;
    let mut response = String::new();
    socket.read_to_string(&mut response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// A service that responds with the request's path; a request whose path ends in `/hold` waits until it is released.
#[derive(Debug)]
#[allow(dead_code, reason = "not every file of tests holds requests")]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    held: Arc<(Mutex<HoldState>, Condvar)>,
}

#[derive(Debug, Default)]
struct HoldState {
    waiting: usize,
    released: bool,
}

impl Origin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let held = Arc::<(Mutex<HoldState>, Condvar)>::default();
        let shared = Arc::clone(&held);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let held = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &held));
            }
        });
        Self { address, held }
    }

    #[allow(dead_code, reason = "not every file of tests holds requests")]
    pub(crate) fn held(&self) -> usize {
        self.held.0.lock().unwrap().waiting
    }

    #[allow(dead_code, reason = "not every file of tests holds requests")]
    pub(crate) fn release(&self) {
        self.held.0.lock().unwrap().released = true;
        self.held.1.notify_all();
    }
}

fn serve(stream: TcpStream, held: &(Mutex<HoldState>, Condvar)) {
    let mut responses = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(first)) = lines.next() {
        // The head's other lines; there is never a body.
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let path = first.split(' ').nth(1).unwrap_or_default();
        if path.ends_with("/hold") {
            let mut state = held.0.lock().unwrap();
            state.waiting += 1;
            let _released = held.1.wait_while(state, |state| !state.released).unwrap();
        }
        // In one piece: small ones would wait for each other.
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len());
        let _ = responses.write_all(response.as_bytes());
    }
}
