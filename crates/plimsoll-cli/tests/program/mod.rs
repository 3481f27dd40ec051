//! Running the program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How a run ended and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// Runs the program with these arguments; the environment has `PLIMSOLL_TEST_SECRET`.
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
