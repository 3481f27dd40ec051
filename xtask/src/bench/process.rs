//! A server that a bench started, in a process group of its own, and never left behind.

use anyhow::{Context, Result};
use std::{
    fs::File,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
};

/// The groups that run now, for the signal handler.
static LIVE: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A running server. Dropping it ends its whole group.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command` with its output in the file `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        live.push(child.id());
        Ok(Self { child })
    }

    /// The group's number, which is also the first process's.
    pub(crate) fn group(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as an operator does, and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus> {
        signal(self.child.id(), "TERM");
        self.child.wait().context("cannot wait for a process")
    }

    /// The status, if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = self.child.id();
        end(group);
        self.child.wait().ok();
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).retain(|each| *each != group);
    }
}

/// From now on Ctrl-C, SIGTERM and SIGHUP end every server before this process.
pub(crate) fn end_all_on_signal() -> Result<()> {
    ctrlc::set_handler(|| {
        for group in LIVE.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            end(*group);
        }
        std::process::exit(130);
    })
    .context("cannot handle signals")
}

/// Kills a group.
fn end(group: u32) {
    signal(group, "KILL");
}

/// Signals a group; the shell's own `kill` is the one that every machine has.
fn signal(group: u32, name: &str) {
    Command::new("sh")
        .args(["-c", &format!("kill -s {name} -- -{group}")])
        .stderr(Stdio::null())
        .status()
        .ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::usage;
    use std::time::{Duration, Instant};

    #[test]
    fn a_dropped_server_takes_its_children_along() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & sleep 600"]);
        let process = Process::start(command, Path::new("/dev/null")).unwrap();
        let group = process.group();
        assert!(!usage::members(group).unwrap().is_empty());
        drop(process);
        // A kill is a message: what it is sent to ends when it is next looked at.
        let patience = Instant::now() + Duration::from_secs(30);
        while !usage::members(group).unwrap().is_empty() {
            assert!(Instant::now() < patience, "its child lives on");
            std::thread::yield_now();
        }
    }
}
