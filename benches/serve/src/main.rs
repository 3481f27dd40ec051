//! One server under load, for `cargo xtask bench serve`: a hello-world route on one thread, asked over kept connections by
//! a process of its own. Prints how many requests were answered, the nanoseconds of CPU, the allocations and the bytes
//! allocated that they took.
//!
//! `serving hyper|axum|tower-http|plimsoll REQUESTS CONNECTIONS`

mod client;
mod servers;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{
    alloc::System,
    env, fs,
    io::{self, BufRead, BufReader, Write as _},
    net::SocketAddr,
    process::{Command, Stdio},
    thread,
};
use tokio::sync::oneshot;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[global_allocator]
static ALLOCATIONS: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests before the first that counts.
const WARM_UP: usize = 640;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["client", address, requests, connections] => {
            client::run(address.parse()?, requests.parse()?, connections.parse()?)
        }
        [kind, requests, connections] => server(kind, requests.parse()?, connections.parse()?),
        _ => Err("serving hyper|axum|tower-http|plimsoll REQUESTS CONNECTIONS".into()),
    }
}

fn server(kind: &str, requests: usize, connections: usize) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let used = runtime.block_on(async {
        let (address, served) = servers::start(kind).await?;
        let (tell, told) = oneshot::channel();
        thread::spawn(move || tell.send(load(address, requests, connections)));
        tokio::select! {
            used = told => used?,
            ended = served => Err(ended.map_or_else(|error| error, |()| "the server has ended".into())),
        }
    })?;
    println!("{requests} {} {} {}", used.nanoseconds, used.allocations, used.bytes);
    Ok(())
}

/// The CPU time and allocations of this process.
struct Used {
    nanoseconds: u64,
    allocations: usize,
    bytes: usize,
}

impl Used {
    fn now() -> Result<Self, Failed> {
        let stats = ALLOCATIONS.stats();
        Ok(Self {
            nanoseconds: cpu()?,
            allocations: stats.allocations + stats.reallocations,
            bytes: stats.bytes_allocated,
        })
    }
}

/// Runs the client, and returns what the server used for the requests that count.
fn load(address: SocketAddr, requests: usize, connections: usize) -> Result<Used, Failed> {
    let mut client = Command::new(env::current_exe()?)
        .args(["client", &address.to_string(), &requests.to_string(), &connections.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = BufReader::new(client.stdout.take().ok_or("no output")?);
    let mut input = client.stdin.take().ok_or("no input")?;
    let mut line = String::new();
    output.read_line(&mut line)?;
    let before = Used::now()?;
    input.write_all(b"go\n")?;
    output.read_line(&mut line)?;
    let after = Used::now()?;
    drop(input);
    let status = client.wait()?;
    if line != "warm\ndone\n" || !status.success() {
        return Err(io::Error::other(format!("the client: {line:?}, {status}")).into());
    }
    Ok(Used {
        nanoseconds: after.nanoseconds - before.nanoseconds,
        allocations: after.allocations - before.allocations,
        bytes: after.bytes - before.bytes,
    })
}

/// Nanoseconds of CPU that all threads of this process have used.
fn cpu() -> Result<u64, Failed> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split_whitespace().next().ok_or("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(sum)
}
