//! The memory of an idle keep-alive connection.

use super::{
    contenders::{Contender, pause},
    load::Load,
    usage,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

/// Enough that a megabyte of noise is half a kilobyte a connection.
pub(crate) const CONNECTIONS: usize = 2000;

/// Resident bytes that each of [`CONNECTIONS`] idle connections added, each after one request.
pub(crate) fn bytes_a_connection(contender: &Contender) -> Result<f64> {
    let group = contender.process.group();
    // What the first requests allocate once is no connection's.
    Load::Small.run(contender.http1, 1)?;
    pause(Duration::from_secs(1));
    let before = usage::resident(group)?;
    let mut open = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        open.push(ask_once(contender.http1).with_context(|| contender.name.to_owned())?);
    }
    // A server that hands buffers back when a connection falls idle shall have the time to.
    pause(Duration::from_secs(4));
    let after = usage::resident(group)?;
    drop(open);
    Ok((after as f64 - before as f64) / CONNECTIONS as f64)
}

/// Lets this process, and so the servers it starts, hold that many connections.
pub(crate) fn allow_connections() -> Result<()> {
    // A server holds two sockets for a connection in use.
    let needed = CONNECTIONS * 4;
    let limits = fs::read_to_string("/proc/self/limits").context("cannot read /proc/self/limits")?;
    if soft_limit(&limits).is_some_and(|limit| limit >= needed) {
        return Ok(());
    }
    let (own, limit) = (std::process::id().to_string(), format!("--nofile={needed}:"));
    let status =
        Command::new("prlimit").args(["--pid", &own, &limit]).status().context("cannot start prlimit")?;
    ensure!(status.success(), "cannot raise the limit of open files to {needed}: raise the hard limit");
    Ok(())
}

/// The limit of open files in force; "unlimited" counts as the greatest number.
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(usize::MAX) } else { soft.parse().ok() }
}

fn ask_once(port: u16) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200"), "responded {line:?}");
    let mut length = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            bail!("the head of the response ended early");
        }
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        }
    }
    reader.read_exact(&mut vec![0; length.context("no content-length")?])?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_soft_limit() {
        let limits = |soft| {
            format!("Max processes  1  2  processes\nMax open files            {soft}    1048576    files\n")
        };
        assert_eq!(soft_limit(&limits("1024")), Some(1024));
        assert_eq!(soft_limit(&limits("unlimited")), Some(usize::MAX));
        assert_eq!(soft_limit("Max processes 1 2"), None);
    }
}
