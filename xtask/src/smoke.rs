//! `cargo xtask smoke`: the README's service as a user would have it, a crate of its own outside the workspace.

mod asked;
mod service;

use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use clap::Args;
use service::Service;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

pub(crate) const LONG_ABOUT: &str = "\
Takes the service between <!-- smoke --> and <!-- end smoke --> from the README, makes a crate of it outside the workspace that has \
only plimsoll (by path), axum, tokio and serde, builds it, runs it, and sends it every request of the README.

With --cold it is built from nothing instead, with plimsoll's default features alone, and the build is timed: it must take less \
than 90 seconds on two cores, without a C compiler. (Run it while nothing else does.)";

/// Flags of `cargo xtask smoke`.
#[derive(Args)]
pub(crate) struct Options {
    /// Build from nothing, and say how long it took
    #[arg(long)]
    cold: bool,
}

/// Seconds that a cold build may take.
const COLD: u64 = 90;

const MANIFEST: &str = r#"[package]
name = "smoke"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
plimsoll = { path = "PLIMSOLL" }
"#;

const OTHERS: &str = r#"axum = "0.8"
serde = { version = "1", features = ["derive"] }
tokio = { version = "1", features = ["full"] }
"#;

/// The command itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    if options.cold {
        return cold(&workspace);
    }
    for line in findings(&workspace)? {
        println!("{line}");
    }
    println!("the README's service responds as the page says");
    Ok(ExitCode::SUCCESS)
}

/// Builds, runs and asks. Nothing is found: what is wrong is an error, since nothing after it can be right.
///
/// # Errors
/// With what did not hold.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.target.join("smoke");
    let readme = fs::read_to_string(workspace.root.join("README.md")).context("README.md")?;
    let source = on_free_ports(program(&readme)?);
    write(workspace, &folder, &source, OTHERS)?;
    // The lines of the log and of a panic are all that it is built for: no debugger is attached.
    let status = cargo(&folder, &folder.join("target")).env("CARGO_PROFILE_DEV_DEBUG", "0").status()?;
    ensure!(status.success(), "the README's service does not build");
    let service = Service::start(&folder.join("target/debug/smoke"))?;
    asked::everything(service)?;
    Ok(Vec::new())
}

fn cold(workspace: &Workspace) -> Result<ExitCode> {
    let folder = workspace.target.join("smoke-cold");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    write(
        workspace,
        &folder,
        "fn main() {\n    println!(\"{:?}\", plimsoll::task::Deadline::NEVER);\n}\n",
        "",
    )?;
    let begun = Instant::now();
    // Neither is there to be found: what needs a C compiler fails here.
    let status = cargo(&folder, &folder.join("target"))
        .env("CC", "no-c-compiler")
        .env("CXX", "no-c-compiler")
        .status()?;
    let took = begun.elapsed();
    ensure!(status.success(), "plimsoll does not build with its default features alone");
    println!("built from nothing in {:.1} s (limit {COLD} s)", took.as_secs_f64());
    Ok(if took.as_secs() < COLD { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The program between the marks.
fn program(readme: &str) -> Result<&str> {
    let marked =
        readme.split("<!-- smoke -->").nth(1).and_then(|rest| rest.split("<!-- end smoke -->").next());
    let block = marked.and_then(|marked| marked.split("```rust,no_run\n").nth(1)?.split("```").next());
    block.context("README.md has no program between its smoke marks")
}

/// The README's ports may be somebody else's here.
fn on_free_ports(program: &str) -> String {
    program.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:9901", "127.0.0.1:0")
}

fn write(workspace: &Workspace, folder: &Path, source: &str, others: &str) -> Result<()> {
    let facade = workspace.package("plimsoll").context("the workspace has no plimsoll")?;
    let path = facade.folder.to_str().context("the path of the workspace is no text")?;
    let manifest = MANIFEST.replace("PLIMSOLL", path) + others;
    fs::create_dir_all(folder.join("src"))?;
    // Written only where it differs, so that a second run builds nothing.
    let put = |name: &str, text: &[u8]| -> Result<()> {
        let path: PathBuf = folder.join(name);
        if fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        fs::write(&path, text).with_context(|| path.display().to_string())
    };
    put("Cargo.toml", manifest.as_bytes())?;
    put("src/main.rs", source.as_bytes())?;
    // The versions that everything else is tested with.
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(())
}

fn cargo(folder: &Path, target: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.arg("build").current_dir(folder).env("CARGO_TARGET_DIR", target);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a program without what is said about them.
    fn bare(program: &str) -> Vec<&str> {
        program.lines().map(|line| line.split(" // ").next().unwrap_or_default().trim_end()).collect()
    }

    #[test]
    fn both_readmes_show_the_same_program_and_it_is_short() {
        let english = program(include_str!("../../README.md")).unwrap();
        let other = include_str!("../../README.zh-CN.md");
        let other = other.split("```rust,no_run\n").nth(1).unwrap().split("```").next().unwrap();
        assert_eq!(bare(english), bare(other));
        let lines = english.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 33, "{lines} lines");
        assert!(!on_free_ports(english).contains(":8080"));
    }
}
