//! Runs one step after another: a heading, its output as it comes, its time, and how to repeat what failed.

mod tally;

use crate::workspace::Workspace;
use anyhow::{Context, Result, anyhow, bail};
use std::{
    io::{BufRead, BufReader, IsTerminal, Read, Write},
    process::{Command, ExitCode, Stdio},
    thread,
    time::Instant,
};
use tally::Tally;

/// Runs the steps that `work` takes and prints the count of tests as the last line.
pub(crate) fn run(work: impl FnOnce(&Workspace, &mut Steps) -> Result<()>) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut steps = Steps::new();
    let outcome = work(&workspace, &mut steps);
    if let Err(error) = &outcome {
        println!("\n{error:#}");
    }
    steps.conclude(&outcome);
    // The error is already printed, so that the count stays the last line.
    Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A call of cargo.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}

/// The steps so far.
pub(crate) struct Steps {
    tally: Tally,
    started: Instant,
    colour: bool,
    /// Passes the output of what runs on to the terminal.
    shows: bool,
}

impl Steps {
    fn new() -> Self {
        Self {
            tally: Tally::default(),
            started: Instant::now(),
            colour: std::io::stdout().is_terminal(),
            shows: true,
        }
    }

    /// Runs a program, passes its output on and counts the tests in it.
    ///
    /// Returns the step's own count.
    ///
    /// # Errors
    /// When the program cannot be started or fails; the message has the command that repeats it.
    pub(crate) fn command(&mut self, title: &str, mut command: Command) -> Result<Tally> {
        let repeat = shown(&command);
        let colour = if self.colour { "always" } else { "never" };
        command.env("CARGO_TERM_COLOR", colour);
        let shows = self.shows;
        self.step(title, &repeat, || {
            let (success, tally) = stream(&mut command, shows)?;
            if success { Ok(tally) } else { Err(Failure { tally, error: anyhow!("it did not succeed") }) }
        })
    }

    /// Runs a check of our own that returns its findings.
    ///
    /// # Errors
    /// When there is any finding.
    pub(crate) fn check(
        &mut self,
        title: &str,
        repeat: &str,
        check: impl FnOnce() -> Result<Vec<String>>,
    ) -> Result<()> {
        self.step(title, repeat, || {
            let findings = check()?;
            if findings.is_empty() {
                return Ok(Tally::default());
            }
            Err(anyhow!("{}", findings.join("\n")).into())
        })
        .map(drop)
    }

    /// Says loudly that a step was left out.
    pub(crate) fn skipped(title: &str, reason: &str) {
        println!("\n=== {title}: SKIPPED, {reason}");
    }

    /// Prints the last line: the runners' counts in all.
    fn conclude(&self, outcome: &Result<()>) {
        let mut tally = self.tally;
        // A lint that fails is no test, but a run that failed must never end with "0 failed".
        if outcome.is_err() && tally.failed == 0 {
            tally.failed = 1;
        }
        println!("\nall steps took {:.0?}", self.started.elapsed());
        println!("{} passed, {} failed", tally.passed, tally.failed);
    }

    fn step(
        &mut self,
        title: &str,
        repeat: &str,
        work: impl FnOnce() -> Result<Tally, Failure>,
    ) -> Result<Tally> {
        println!("\n=== {title}");
        std::io::stdout().flush().ok();
        let begun = Instant::now();
        let outcome = work();
        let took = begun.elapsed();
        match outcome {
            Ok(tally) => {
                self.tally += tally;
                println!("--- {title}: fine, {took:.1?}");
                Ok(tally)
            }
            Err(Failure { tally, error }) => {
                self.tally += tally;
                println!("--- {title}: FAILED after {took:.1?}");
                bail!("{title}: {error:#}\nrepeat it with: {repeat}")
            }
        }
    }
}

/// A step that failed, and what it had counted by then.
struct Failure {
    tally: Tally,
    error: anyhow::Error,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { tally: Tally::default(), error }
    }
}

fn stream(command: &mut Command, shows: bool) -> Result<(bool, Tally)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let (out, err) = (child.stdout.take().context("no stdout")?, child.stderr.take().context("no stderr")?);
    let tally = thread::scope(|scope| {
        let other = scope.spawn(|| echo(err, shows.then(std::io::stderr)));
        let mut tally = echo(out, shows.then(std::io::stdout));
        tally += other.join().unwrap_or_default();
        tally
    });
    Ok((child.wait()?.success(), tally))
}

fn echo(from: impl Read, mut to: Option<impl Write>) -> Tally {
    let mut tally = Tally::default();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if let Some(to) = &mut to {
            to.write_all(&line).ok();
        }
        tally.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    tally
}

/// The command as one would type it, with the variables that were set for it.
fn shown(command: &Command) -> String {
    // The run's server is gone by the time that somebody repeats a command; then the tests start their own.
    let lasting = command.get_envs().filter(|(name, _)| *name != crate::test::SHARED);
    let variables = lasting.filter_map(|(name, value)| {
        Some(format!("{}={}", name.display(), quoted(&value?.to_string_lossy())))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    variables.chain(words.map(|word| quoted(&word.to_string_lossy()))).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,+@".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_names_its_repetition() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo 'test result: FAILED. 1 passed; 2 failed; 0 ignored'; exit 3"])
            .env("LEVEL", "a b");
        let mut steps = Steps { shows: false, ..Steps::new() };
        let error = steps.command("a step", command).unwrap_err().to_string();
        assert!(error.contains("repeat it with: LEVEL='a b' sh -c 'echo"), "{error}");
        assert_eq!(steps.tally, Tally { passed: 1, failed: 2 });
    }

    #[test]
    fn findings_fail_a_check_and_none_passes() {
        let mut steps = Steps::new();
        assert!(steps.check("clean", "again", || Ok(Vec::new())).is_ok());
        let error =
            steps.check("dirty", "again", || Ok(vec!["a.rs:1: bad".to_owned()])).unwrap_err().to_string();
        assert!(error.contains("a.rs:1: bad"), "{error}");
    }
}
