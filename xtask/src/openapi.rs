//! `cargo xtask openapi`: the admin API held to its own description by schemathesis.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

pub(crate) const LONG_ABOUT: &str = "\
Starts a gateway and has schemathesis make requests from the description that its admin API gives of itself: ones that fit it, ones \
that do not, and methods that it does not have. Every response must be one that is described.

The tool is installed from PyPI into target/schemathesis, once, with the python3 that is there.";

/// Flags of `cargo xtask openapi`.
#[derive(Args)]
pub(crate) struct Options {
    /// Requests made for each operation and phase
    #[arg(long, default_value_t = 100)]
    examples: u32,
    /// The same requests again
    #[arg(long)]
    seed: Option<u64>,
}

/// The version that the configuration is written for.
const TOOL: &str = "schemathesis==4.32.5";

/// How long a gateway may take to respond.
const PATIENCE: Duration = Duration::from_secs(30);

const GATEWAY: &str = r#"version = 1
workers = 1
[admin]
listen = "127.0.0.1:ADMIN"
[[listener]]
listen = "127.0.0.1:0"
[[route]]
upstream = "orders"
policy = "careful"
[[route]]
path = "/reports"
upstream = "orders"
[upstream.orders]
endpoints = ["127.0.0.1:9"]
health = { path = "/", every = "1s" }
[policy.careful]
rate-limit = { rate = "100/s", per = "client" }
hedge = { after = "p95" }
throttle = {}
concurrency = {}
"#;

/// The command itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let tool = tool(&workspace.target.join("schemathesis"))?;
    let built = Command::new("cargo").args(["build", "--package", "plimsoll-cli"]).status();
    ensure!(built.context("cannot start cargo")?.success(), "the gateway does not build");
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let file = workspace.target.join("schemathesis/gateway.toml");
    fs::write(&file, GATEWAY.replace("ADMIN", &port.to_string()))?;
    let mut gateway = Gateway::start(&workspace.target.join("debug/plimsoll"), &file)?;
    gateway.until_it_responds(port)?;
    let mut asking = Command::new(tool);
    asking.arg("--config-file").arg(workspace.root.join("xtask/schemathesis.toml")).arg("run");
    asking.arg(format!("http://127.0.0.1:{port}/api/v1/openapi.json"));
    asking.args(["--max-examples", &options.examples.to_string()]);
    if let Some(seed) = options.seed {
        asking.args(["--seed", &seed.to_string()]);
    }
    let found_nothing =
        asking.current_dir(&workspace.target).status().context("cannot start schemathesis")?.success();
    ensure!(gateway.0.try_wait()?.is_none(), "the gateway has ended");
    Ok(if found_nothing { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The program, installed if it is not there yet.
fn tool(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("bin/schemathesis");
    let installed = folder.join(TOOL);
    if installed.exists() {
        return Ok(program);
    }
    let mut python = Command::new("python3");
    let made = python.args(["-m", "venv"]).arg(folder).status().context("cannot start python3")?;
    ensure!(made.success(), "python3 cannot make a place for {TOOL} (on Debian: python3-venv)");
    let fetched = Command::new(folder.join("bin/pip")).args(["install", "--quiet", TOOL]).status()?;
    ensure!(fetched.success(), "{TOOL} cannot be installed");
    fs::write(installed, "")?;
    Ok(program)
}

/// A gateway. Dropped, it is killed.
struct Gateway(Child);

impl Gateway {
    fn start(program: &Path, file: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("run").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().with_context(|| format!("cannot start {}", program.display()))?))
    }

    fn until_it_responds(&mut self, port: u16) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if self.0.try_wait()?.is_some() || Instant::now() > limit {
                bail!("the gateway does not respond on port {port}");
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
