//! The programs that make load, and the counts they report.

use crate::tools;
use anyhow::{Context, Result, bail, ensure};
use std::process::Command;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// 150 bytes, HTTP/1.1, 64 connections.
    Small,
    /// 150 bytes, HTTP/2 in front, 8 connections of 8 streams.
    Http2,
    /// Files of 1 KiB, 64 connections.
    Kib1,
    /// Files of 64 KiB, 32 connections.
    Kib64,
    /// Files of 1 MiB, 8 connections.
    Medium,
    /// Files of 64 MiB, one after another.
    Large,
}

/// Downloads of 64 MiB in one slice: long enough for the kernel's hundredths of a second.
const DOWNLOADS: usize = 20;

impl Load {
    /// The heading of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Small => "150 bytes, HTTP/1.1, 64 connections",
            Self::Http2 => "150 bytes, HTTP/2 in front, 8 connections of 8 streams",
            Self::Kib1 => "1 KiB bodies, HTTP/1.1, 64 connections",
            Self::Kib64 => "64 KiB bodies, HTTP/1.1, 32 connections",
            Self::Medium => "1 MiB bodies, HTTP/1.1, 8 connections",
            Self::Large => "64 MiB bodies, one after another",
        }
    }

    /// A name for machines.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Http2 => "http2",
            Self::Kib1 => "1k",
            Self::Kib64 => "64k",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// Runs it against a port for about `seconds` and returns the number of responses.
    ///
    /// # Errors
    /// When any request failed: a comparison in which somebody refuses is none.
    pub(crate) fn run(self, port: u16, seconds: u32) -> Result<u64> {
        let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
        match self {
            Self::Small => wrk(&url("/"), 64, seconds),
            Self::Kib1 => wrk(&url("/files/1k"), 64, seconds),
            Self::Kib64 => wrk(&url("/files/64k"), 32, seconds),
            Self::Medium => wrk(&url("/files/1m"), 8, seconds),
            Self::Http2 => h2load(&url("/"), seconds),
            Self::Large => downloads(&url("/files/64m"), 64 << 20),
        }
    }
}

/// Sends exactly `requests` of the small kind to a port: over 64 connections of HTTP/1.1, or 8 of HTTP/2 with 8 streams.
///
/// # Errors
/// When any of them failed.
pub(crate) fn exactly(requests: u64, multiplexed: bool, port: u16) -> Result<()> {
    let (count, url) = (requests.to_string(), format!("http://127.0.0.1:{port}/"));
    let shape: &[&str] = if multiplexed { &["-c8", "-m8"] } else { &["--h1", "-c64", "-m1"] };
    let arguments: Vec<&str> = [&["-t1", "-n", &count][..], shape, &[&url]].concat();
    let answered = read_h2load(&output("h2load", &arguments)?)?;
    ensure!(answered == requests, "h2load: {answered} of {requests} requests were answered");
    Ok(())
}

fn wrk(url: &str, connections: u32, seconds: u32) -> Result<u64> {
    let text = output("wrk", &["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), url])?;
    read_wrk(&text)
}

fn read_wrk(text: &str) -> Result<u64> {
    for line in text.lines().map(str::trim) {
        if line.starts_with("Non-2xx") || line.starts_with("Socket errors") {
            bail!("wrk: {line}");
        }
    }
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .context("wrk counted nothing")?;
    let count = requests.0.parse().context("wrk's count")?;
    ensure!(count > 0, "wrk: there was not one response");
    Ok(count)
}

fn h2load(url: &str, seconds: u32) -> Result<u64> {
    let text = output("h2load", &["-t1", "-c8", "-m8", "-D", &seconds.to_string(), url])?;
    read_h2load(&text)
}

fn read_h2load(text: &str) -> Result<u64> {
    let line =
        text.lines().find_map(|line| line.strip_prefix("requests: ")).context("h2load counted nothing")?;
    let count = |word: &str| -> Option<u64> {
        line.split(", ").find_map(|each| each.strip_suffix(word)?.trim().parse().ok())
    };
    let (succeeded, failed) = (count("succeeded").unwrap_or(0), count("failed").unwrap_or(0));
    ensure!(failed == 0 && succeeded > 0, "h2load: {line}");
    Ok(succeeded)
}

fn downloads(url: &str, bytes: u64) -> Result<u64> {
    let mut arguments = vec!["--silent", "--fail", "--write-out", "%{size_download}\n"];
    for _ in 0..DOWNLOADS {
        arguments.extend(["--output", "/dev/null", url]);
    }
    let text = output("curl", &arguments)?;
    let whole = text.lines().filter(|line| line.parse() == Ok(bytes)).count();
    ensure!(whole == DOWNLOADS, "curl: {whole} of {DOWNLOADS} downloads were whole");
    Ok(whole as u64)
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let path = tools::find(program).with_context(|| format!("{program} is not installed"))?;
    let output =
        Command::new(path).args(arguments).output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} {}: {} {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_wrk() {
        let fine = "Running 2s test @ http://x/\n  1 threads and 64 connections\n  87654 requests in 2.00s, 26.1MB read\nRequests/sec: 43827\n";
        assert_eq!(read_wrk(fine).unwrap(), 87654);
        assert!(read_wrk(&format!("{fine}  Non-2xx or 3xx responses: 3\n")).is_err());
        assert!(
            read_wrk(&format!("{fine}  Socket errors: connect 0, read 9, write 0, timeout 0\n")).is_err()
        );
        assert!(read_wrk("  0 requests in 2.00s, 0B read\n").is_err());
    }

    #[test]
    fn reads_h2load() {
        let line = |failed| {
            format!(
                "finished in 2.00s\nrequests: 90 total, 90 started, 88 done, 88 succeeded, {failed} failed, 0 errored, 0 timeout\n"
            )
        };
        assert_eq!(read_h2load(&line(0)).unwrap(), 88);
        assert!(read_h2load(&line(1)).is_err());
    }
}
