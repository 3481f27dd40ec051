//! `cargo xtask bench gateway --instructions`: what one request takes, in counts that repeat where times do not.

use crate::{
    bench::{
        callgrind::Profile,
        contenders::{self, Contender, Origin, Policies},
        load,
        record::{Counts, RecordFile},
    },
    tools,
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command};

pub(super) const RECORD: RecordFile = RecordFile {
    path: "benches/gateway.toml",
    title: "The cost of one request of 150 bytes through the gateway, every policy on.",
    command: "cargo xtask bench gateway --instructions",
    // How the requests of a run meet in the loop of a worker differs a little from run to run.
    tolerance: 1.05,
};

/// Requests before anything is counted.
const WARM_UP: u64 = 1_000;
/// Requests that are counted.
const COUNTED: u64 = 8_000;

/// Functions shown of each load.
const SHOWN: usize = 25;

const LOADS: [(&str, bool); 2] = [("http1", false), ("http2", true)];

/// Counts, prints, and returns every count that is over what is recorded.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    RECORD.findings(&workspace.root, &count(workspace, false)?)
}

/// Counts of each load, each for one request.
pub(super) fn count(workspace: &Workspace, profile: bool) -> Result<Counts> {
    let valgrind = tools::find("valgrind").context("valgrind is not installed: cargo xtask setup")?;
    let valgrind = valgrind.display().to_string();
    let folder = workspace.target.join("bench");
    let origin = Origin::start(&folder)?;
    let ours = |options: &[String]| -> Result<Contender> {
        let wrapper: Vec<String> = [valgrind.clone()].into_iter().chain(options.iter().cloned()).collect();
        contenders::ours_under(&wrapper, workspace, &origin.place, Policies::Careful)
    };
    let mut counts = Counts::new();
    for (load, multiplexed) in LOADS {
        eprintln!("{load} …");
        let dump = folder.join(format!("{load}.callgrind"));
        let found = profiled(&ours, &dump, multiplexed)?;
        if profile {
            found.show(&dump, COUNTED, SHOWN);
        }
        let (allocations, _) = dhat("heap", &ours, &folder, multiplexed)?;
        let (copies, copied_bytes) = dhat("copy", &ours, &folder, multiplexed)?;
        let instructions = found.total() as f64 / COUNTED as f64;
        let named = [
            ("instructions", instructions),
            ("allocations", allocations),
            ("copies", copies),
            ("copied-bytes", copied_bytes),
        ];
        counts.extend(named.map(|(name, count)| (format!("{load}-{name}"), count)));
    }
    Ok(counts)
}

/// Runs the load under callgrind, whose counts begin after the warm-up.
fn profiled(
    ours: &impl Fn(&[String]) -> Result<Contender>,
    dump: &Path,
    multiplexed: bool,
) -> Result<Profile> {
    let mut server =
        ours(&["--tool=callgrind".to_owned(), format!("--callgrind-out-file={}", dump.display())])?;
    let control = |flag: &str, group: u32| -> Result<()> {
        let output = Command::new("callgrind_control")
            .args([flag, &group.to_string()])
            .output()
            .context("callgrind_control is not installed: cargo xtask setup")?;
        ensure!(
            output.status.success(),
            "callgrind_control {flag}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    load::exactly(WARM_UP, multiplexed, server.http1)?;
    control("--zero", server.process.group())?;
    load::exactly(COUNTED, multiplexed, server.http1)?;
    control("--dump", server.process.group())?;
    server.process.stop()?;
    // Dumps are numbered; what the end of the program takes is in another.
    fs::rename(dump.with_added_extension("1"), dump).context("callgrind's dump")?;
    let text = fs::read_to_string(dump).context("callgrind's dump")?;
    Profile::parse(&text)
}

/// Blocks and bytes a request that this mode of DHAT counts: the difference of a long and a short run.
fn dhat(
    mode: &str,
    ours: &impl Fn(&[String]) -> Result<Contender>,
    folder: &Path,
    multiplexed: bool,
) -> Result<(f64, f64)> {
    let run = |requests: u64| -> Result<(u64, u64)> {
        let log = folder.join("dhat.log");
        let mut server = ours(&[
            "--tool=dhat".to_owned(),
            format!("--mode={mode}"),
            "--dhat-out-file=/dev/null".to_owned(),
            format!("--log-file={}", log.display()),
        ])?;
        load::exactly(requests, multiplexed, server.http1)?;
        server.process.stop()?;
        let text = fs::read_to_string(&log).context("DHAT's log")?;
        total(&text).with_context(|| format!("DHAT counted nothing:\n{text}"))
    };
    let (few, many) = (run(WARM_UP)?, run(WARM_UP + COUNTED)?);
    let share = |few: u64, many: u64| many.saturating_sub(few) as f64 / COUNTED as f64;
    Ok((share(few.0, many.0), share(few.1, many.1)))
}

/// Blocks and bytes of DHAT's `==7== Total:     5,012 bytes in 41 blocks`.
fn total(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| Some(line.split_once("Total:")?.1.trim()))?;
    let (bytes, blocks) = line.split_once(" bytes in ")?;
    let number = |text: &str| text.replace(',', "").parse().ok();
    Some((number(blocks.strip_suffix(" blocks")?)?, number(bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dhat() {
        let text = "==7== \n==7== Total:     1,005,012 bytes in 4,100 blocks\n==7== \n";
        assert_eq!(total(text), Some((4_100, 1_005_012)));
        assert_eq!(total("==7== nothing"), None);
    }
}
