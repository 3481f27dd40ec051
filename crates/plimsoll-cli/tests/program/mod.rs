//! Running the program.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How a run ended and what it said.
#[derive(Debug)]
#[allow(dead_code, reason = "not every file of tests runs it to its end")]
pub(crate) struct Ran {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// Runs the program with these arguments; the environment has `PLIMSOLL_TEST_SECRET`.
#[allow(dead_code, reason = "not every file of tests runs it to its end")]
pub(crate) fn plimsoll(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(arguments)
        .env("PLIMSOLL_TEST_SECRET", "hunter2")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    Ran {
        code: output.status.code().expect("the program ends by itself"),
        out: String::from_utf8(output.stdout).expect("it writes text"),
        err: String::from_utf8(output.stderr).expect("it writes text"),
    }
}

/// Runs the program in this folder, with this on its standard input.
#[allow(dead_code, reason = "not every file of tests gives it something to read")]
pub(crate) fn plimsoll_in(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(arguments)
        .current_dir(folder)
        .env("PLIMSOLL_TEST_SECRET", "hunter2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // It may end without a look at it; closed at once, it is read to the end otherwise.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    Ran {
        code: output.status.code().expect("the program ends by itself"),
        out: String::from_utf8(output.stdout).expect("it writes text"),
        err: String::from_utf8(output.stderr).expect("it writes text"),
    }
}

/// A directory of one test's own, gone with the value.
#[derive(Debug)]
#[allow(dead_code, reason = "not every file of tests needs files")]
pub(crate) struct Scratch(PathBuf);

#[allow(dead_code, reason = "not every file of tests needs files")]
impl Scratch {
    /// An empty one.
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plimsoll-cli-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file there and gives its path.
    pub(crate) fn file(&self, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join("gateway.toml");
        fs::write(&path, bytes).expect("a file for the test");
        path.to_str().expect("the path is text").to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
