//! `cargo xtask bench gateway --instructions`: what one request takes, in counts that repeat where times do not.

use super::callgrind::Profile;
use crate::{
    bench::{
        contenders::{self, Contender, Origin, Policies},
        figures::table,
        instructions::compiler,
        load,
    },
    tools,
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Where the counts are recorded.
const RECORD: &str = "benches/gateway.toml";

/// How the requests of a run meet in the loop of a worker differs a little from run to run.
const TOLERANCE: f64 = 1.05;

/// Requests before anything is counted.
const WARM_UP: u64 = 1_000;
/// Requests that are counted.
const COUNTED: u64 = 8_000;

/// Functions shown of each load.
const SHOWN: usize = 25;

/// The counts of one kind of load, each for one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    pub(crate) copies: f64,
    pub(crate) copied_bytes: f64,
}

/// Counts by load.
pub(crate) type Record = BTreeMap<&'static str, Counts>;

const LOADS: [(&str, bool); 2] = [("http1", false), ("http2", true)];

/// Counts, prints, and returns every count that is over what is recorded.
pub(crate) fn findings(workspace: &Workspace, profile: bool) -> Result<Vec<String>> {
    let counts = count(workspace, profile)?;
    let recorded = fs::read_to_string(workspace.root.join(RECORD)).with_context(|| {
        format!("{RECORD} is not there; write it with: cargo xtask bench gateway --bless")
    })?;
    let recorded: toml::Table = recorded.parse().context(RECORD)?;
    print!("{}", compared(&counts, &recorded));
    let here = compiler()?;
    if recorded.get("compiler").and_then(toml::Value::as_str) != Some(&here) {
        println!("NOT GUARDED: recorded with another compiler than {here}");
        return Ok(Vec::new());
    }
    Ok(over(&counts, &recorded))
}

/// Counts and records.
pub(crate) fn bless(workspace: &Workspace, profile: bool) -> Result<()> {
    let counts = count(workspace, profile)?;
    let text = written(&compiler()?, &counts);
    fs::write(workspace.root.join(RECORD), text).context(RECORD)?;
    print!("{}", compared(&counts, &toml::Table::new()));
    Ok(())
}

fn written(compiler: &str, counts: &Record) -> String {
    let tables = counts.iter().map(|(load, counts)| {
        let lines = counts.named().map(|(name, count)| format!("{name} = {count:.1}\n"));
        format!("\n[{load}]\n{}", lines.concat())
    });
    format!(
        "# What the gateway takes for one request of 150 bytes, every policy on. `cargo xtask bench gateway --instructions`\n\
         # compares, `--bless` writes.\ncompiler = \"{compiler}\"\n{}",
        tables.collect::<String>()
    )
}

impl Counts {
    fn named(self) -> [(&'static str, f64); 4] {
        [
            ("instructions", self.instructions),
            ("allocations", self.allocations),
            ("copies", self.copies),
            ("copied-bytes", self.copied_bytes),
        ]
    }
}

fn before(recorded: &toml::Table, load: &str, name: &str) -> Option<f64> {
    let value = recorded.get(load)?.get(name)?;
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

fn over(counts: &Record, recorded: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    for (load, counts) in counts {
        for (name, count) in counts.named() {
            // A count of a few has no share of five per cent that means anything.
            let limit = before(recorded, load, name).map(|before| (before * TOLERANCE).max(before + 0.5));
            if limit.is_none_or(|limit| count > limit) {
                found.push(format!("{load}: {count:.1} {name} a request are over what {RECORD} records"));
            }
        }
    }
    found
}

fn compared(counts: &Record, recorded: &toml::Table) -> String {
    let row = |load: &str, (name, count): (&str, f64)| {
        let before = before(recorded, load, name);
        vec![
            format!("{load}: {name} a request"),
            format!("{count:.1}"),
            before.map_or_else(String::new, |before| format!("{before:.1}")),
        ]
    };
    let rows: Vec<Vec<String>> =
        counts.iter().flat_map(|(load, counts)| counts.named().map(|named| row(load, named))).collect();
    table(&["count", "found", "recorded"], &rows)
}

fn count(workspace: &Workspace, profile: bool) -> Result<Record> {
    let valgrind = tools::find("valgrind").context("valgrind is not installed: cargo xtask setup")?;
    let valgrind = valgrind.display().to_string();
    let folder = workspace.target.join("bench");
    let origin = Origin::start(&folder)?;
    let ours = |options: &[String]| -> Result<Contender> {
        let wrapper: Vec<String> = [valgrind.clone()].into_iter().chain(options.iter().cloned()).collect();
        contenders::ours_under(&wrapper, workspace, &origin.place, Policies::Careful)
    };
    let mut record = Record::new();
    for (load, multiplexed) in LOADS {
        eprintln!("{load} …");
        let dump = folder.join(format!("{load}.callgrind"));
        let found = profiled(&ours, &dump, multiplexed)?;
        if profile {
            println!("{} (kcachegrind and callgrind_annotate show it by line)\n", dump.display());
            print!("{}", found.readable(COUNTED, SHOWN));
        }
        let (allocations, _) = dhat("heap", &ours, &folder, multiplexed)?;
        let (copies, copied_bytes) = dhat("copy", &ours, &folder, multiplexed)?;
        let instructions = found.total() as f64 / COUNTED as f64;
        record.insert(load, Counts { instructions, allocations, copies, copied_bytes });
    }
    Ok(record)
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

    const COUNTS: Counts =
        Counts { instructions: 1000.0, allocations: 4.0, copies: 10.0, copied_bytes: 2000.0 };

    #[test]
    fn over_five_per_cent_and_unrecorded_are_found() {
        let recorded: toml::Table =
            "[http1]\ninstructions = 960\nallocations = 3.6\ncopies = 10\ncopied-bytes = 2000"
                .parse()
                .unwrap();
        let counts = |counts| Record::from([("http1", counts)]);
        assert_eq!(over(&counts(COUNTS), &recorded), Vec::<String>::new());
        assert_eq!(over(&counts(Counts { instructions: 1009.0, ..COUNTS }), &recorded).len(), 1);
        assert_eq!(over(&counts(Counts { allocations: 4.2, ..COUNTS }), &recorded).len(), 1);
        assert_eq!(over(&Record::from([("http2", COUNTS)]), &recorded).len(), 4);
    }

    #[test]
    fn reads_dhat() {
        let text = "==7== \n==7== Total:     1,005,012 bytes in 4,100 blocks\n==7== \n";
        assert_eq!(total(text), Some((4_100, 1_005_012)));
        assert_eq!(total("==7== nothing"), None);
    }
}
