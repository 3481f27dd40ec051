//! A process whose standard error nobody reads: it logs, panics and ends all the same.
#![cfg(all(unix, not(loom)))]

use plimsoll_telemetry::logs::{self, LogConfig};
use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

const CHILD: &str = "PLIMSOLL_TEST_UNREAD_CHILD";

/// The process itself, when it is started by the test below; as a test of its own it does nothing.
#[test]
fn the_process() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let logs = logs::init(&LogConfig::default()).unwrap();
    // Far more than a pipe and the log's own buffer hold together.
    for nth in 0..20_000 {
        tracing::info!(nth, "a line that is long enough to fill a pipe of sixty-four kibibytes very soon");
    }
    // The standard hook would wait for standard error.
    let caught = std::panic::catch_unwind(|| panic!("in the middle of a request"));
    assert!(caught.is_err());
    let stats = logs.stats();
    println!("\ndropped {} failed {}", stats.full + stats.busy, stats.failed);
    drop(logs);
    println!("ended");
}

fn ran(stderr: Stdio) -> (Vec<String>, Option<i32>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    // Held, and never read.
    let _unread = child.stderr.take();
    let out = BufReader::new(child.stdout.take().unwrap());
    let lines = out.lines().map(Result::unwrap).collect();
    (lines, child.wait().unwrap().code())
}

#[test]
fn neither_an_unread_pipe_nor_a_full_disk_stops_the_process() {
    let full = OpenOptions::new().write(true).open("/dev/full").ok().map(Stdio::from);
    for stderr in [Some(Stdio::piped()), full].into_iter().flatten() {
        let (lines, code) = ran(stderr);
        assert!(lines.iter().any(|line| line == "ended"), "{lines:?}");
        assert_eq!(code, Some(0), "{lines:?}");
        let told = lines.iter().find(|line| line.starts_with("dropped ")).unwrap();
        assert_ne!(told, "dropped 0 failed 0");
    }
}
