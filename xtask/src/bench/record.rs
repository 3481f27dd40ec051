//! Counts that are checked in, and the comparison of what is counted now with them.

use super::figures::table;
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Counts by name.
pub(super) type Counts = BTreeMap<String, f64>;

/// A file of recorded counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordFile {
    /// Its path in the repository.
    pub(super) path: &'static str,
    /// The first sentence of the file.
    pub(super) title: &'static str,
    /// The command that compares; with `--bless` it writes.
    pub(super) command: &'static str,
    /// The factor above which a count is too many.
    pub(super) tolerance: f64,
}

/// The least growth of a count that is a finding, however small the count.
const LEAST: f64 = 0.25;

/// The checked-in counts, and the compiler for which they hold.
struct Record {
    compiler: String,
    operations: Counts,
}

impl RecordFile {
    /// Returns the recorded counts; none if there is no file.
    pub(super) fn recorded(&self, root: &Path) -> Result<Counts> {
        Ok(self.read(root)?.map(|record| record.operations).unwrap_or_default())
    }

    /// Prints the comparison, and returns every count that is too many or not recorded.
    pub(super) fn findings(&self, root: &Path, counts: &Counts) -> Result<Vec<String>> {
        let Some(record) = self.read(root)? else {
            return Ok(vec![format!("{} is not there; write it with: {} --bless", self.path, self.command)]);
        };
        print!("{}", compared(counts, &record.operations));
        let here = compiler()?;
        if here != record.compiler {
            println!(
                "NOT GUARDED: recorded with {}, built here with {here}; other compilers, other counts",
                record.compiler
            );
            return Ok(Vec::new());
        }
        Ok(self.judge(counts, &record.operations))
    }

    /// Records these counts and prints the comparison with the former ones.
    pub(super) fn bless(&self, root: &Path, counts: &Counts) -> Result<()> {
        let before = self.recorded(root)?;
        fs::write(root.join(self.path), self.written(&compiler()?, counts)).context(self.path)?;
        print!("{}", compared(counts, &before));
        Ok(())
    }

    fn read(&self, root: &Path) -> Result<Option<Record>> {
        let path = root.join(self.path);
        if !path.exists() {
            return Ok(None);
        }
        parse(&fs::read_to_string(&path).context(self.path)?).context(self.path).map(Some)
    }

    fn judge(&self, counts: &Counts, recorded: &Counts) -> Vec<String> {
        let more = (self.tolerance - 1.0) * 100.0;
        let mut found = Vec::new();
        for (name, count) in counts {
            match recorded.get(name) {
                None => {
                    found.push(format!(
                        "{name}: {count:.1}, not recorded in {} (--bless records it)",
                        self.path
                    ));
                }
                // Of next to none, a share is less than what a chance decides.
                Some(before) if *count > (before * self.tolerance).max(before + LEAST) => {
                    found.push(format!("{name}: {count:.1}, {before:.1} recorded: over {more:.0} % more"));
                }
                Some(_) => {}
            }
        }
        found
    }

    fn written(&self, compiler: &str, counts: &Counts) -> String {
        let lines: Vec<String> =
            counts.iter().map(|(name, count)| format!("{name} = {count:.1}\n")).collect();
        format!(
            "# {} `{}` compares, `--bless` writes.\ncompiler = \"{compiler}\"\n\n[operations]\n{}",
            self.title,
            self.command,
            lines.concat()
        )
    }
}

/// `rustc`'s version and architecture: a count holds for both together.
fn compiler() -> Result<String> {
    let output =
        Command::new("rustc").args(["--version", "--verbose"]).output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).map(str::to_owned);
    let release = line("release:").context("rustc does not say its release")?;
    let host = line("host:").context("rustc does not say its host")?;
    Ok(format!("{release} {host}"))
}

fn parse(text: &str) -> Result<Record> {
    let table: toml::Table = text.parse()?;
    let compiler =
        table.get("compiler").and_then(toml::Value::as_str).context("compiler is missing")?.to_owned();
    let operations =
        table.get("operations").and_then(toml::Value::as_table).context("[operations] is missing")?;
    let number =
        |value: &toml::Value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    let operations = operations
        .iter()
        .map(|(name, value)| {
            Ok((name.clone(), number(value).with_context(|| format!("{name} is no number"))?))
        })
        .collect::<Result<Counts>>()?;
    Ok(Record { compiler, operations })
}

fn compared(counts: &Counts, recorded: &Counts) -> String {
    let row = |(name, count): (&String, &f64)| {
        let before = recorded.get(name);
        let change = before
            .map_or_else(|| "new".to_owned(), |before| format!("{:+.1} %", (count / before - 1.0) * 100.0));
        vec![
            name.clone(),
            format!("{count:.1}"),
            before.map_or_else(String::new, |before| format!("{before:.1}")),
            change,
        ]
    };
    table(&["operation", "found", "recorded", "change"], &counts.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: RecordFile = RecordFile {
        path: "benches/counts.toml",
        title: "Counts.",
        command: "cargo xtask bench",
        tolerance: 1.03,
    };

    fn counts(pairs: &[(&str, f64)]) -> Counts {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn over_the_tolerance_and_unrecorded_are_found() {
        let recorded = counts(&[("a", 100.0), ("b", 100.0), ("c", 100.0)]);
        assert_eq!(FILE.judge(&counts(&[("a", 103.0), ("b", 50.0)]), &recorded), Vec::<String>::new());
        assert_eq!(FILE.judge(&counts(&[("a", 103.1), ("d", 1.0)]), &recorded).len(), 2);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = FILE.written(
            "1.95.0 x86_64-unknown-linux-gnu",
            &counts(&[("breaker_admit_settle", 84.25), ("token_bucket", 30.0)]),
        );
        let record = parse(&text).unwrap();
        assert_eq!(record.compiler, "1.95.0 x86_64-unknown-linux-gnu");
        assert_eq!(record.operations, counts(&[("breaker_admit_settle", 84.2), ("token_bucket", 30.0)]));
        assert!(parse("[operations]").is_err());
        assert!(parse("compiler = \"x\"\n[operations]\na = \"many\"").is_err());
    }
}
