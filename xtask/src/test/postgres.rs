//! One PostgreSQL for all tests of a run: each process that started its own would pay for a data folder.

use crate::{steps::Steps, tools};
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Where the testkit looks for a server that is shared.
pub(crate) const SHARED: &str = "PLIMSOLL_TEST_POSTGRES";
const EXAMPLE: &[&str] =
    &["--quiet", "--package", "plimsoll-testkit", "--features", "postgres", "--example", "postgres"];

/// A running server, by way of the testkit's own example; gone when dropped.
pub(super) struct Postgres {
    child: Child,
    url: String,
}

impl Postgres {
    /// Starts it, unless a server is named already or PostgreSQL is not installed.
    pub(super) fn start() -> Result<Option<Self>> {
        if std::env::var_os(SHARED).is_some() {
            return Ok(None);
        }
        if tools::find("postgres").is_none() {
            Steps::skipped("tests on PostgreSQL", "it is not installed");
            return Ok(None);
        }
        // Built first and apart: a compiler at work is no server that does not start.
        let built =
            Command::new("cargo").arg("build").args(EXAMPLE).status().context("cannot start cargo")?;
        if !built.success() {
            bail!("the testkit's PostgreSQL does not build");
        }
        let mut child = Command::new("cargo")
            .arg("run")
            .args(EXAMPLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut url)?;
        let server = Self { child, url: url.trim().to_owned() };
        if server.url.is_empty() {
            bail!("PostgreSQL does not start");
        }
        Ok(Some(server))
    }

    /// Names it to the tests that `command` runs.
    pub(super) fn name_to(&self, command: &mut Command) {
        command.env(SHARED, &self.url);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It serves for as long as its stdin is open.
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}
