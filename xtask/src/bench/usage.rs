//! CPU time and memory of a process group, as the kernel counts them.

use anyhow::{Context, Result};
use std::{fs, ops::Sub, time::Duration};

/// Linux reports times to user space in hundredths, whatever its own tick is.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of every process of a group, and of their children that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl Cpu {
    pub(crate) fn total(self) -> Duration {
        self.user + self.system
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// CPU time so far.
pub(crate) fn cpu(group: u32) -> Result<Cpu> {
    let mut sum = Cpu::default();
    for process in members(group)? {
        if let Some(stat) = stat(process) {
            sum.user += TICK * (stat.user as u32);
            sum.system += TICK * (stat.system as u32);
        }
    }
    Ok(sum)
}

/// Resident bytes now.
pub(crate) fn resident(group: u32) -> Result<u64> {
    let mut sum = 0;
    for process in members(group)? {
        let path = format!("/proc/{process}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        sum += rss(&text).with_context(|| format!("no Rss in {path}"))?;
    }
    Ok(sum)
}

/// The processes of a group that are alive.
pub(crate) fn members(group: u32) -> Result<Vec<u32>> {
    let processes = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process| stat(*process).is_some_and(|stat| stat.group == group && stat.alive))
        .collect();
    Ok(processes)
}

struct Stat {
    alive: bool,
    group: u32,
    user: u64,
    system: u64,
}

fn stat(process: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn parse(text: &str) -> Option<Stat> {
    // The name may hold spaces and brackets; what follows the last bracket does not.
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        alive: !matches!(*fields.first()?, "Z" | "X"),
        group: number(2)? as u32,
        user: number(11)? + number(13)?,
        system: number(12)? + number(14)?,
    })
}

fn rss(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_process_with_an_odd_name() {
        let line = "7 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 11 22 3 4 20 0 1 0 5 6 7";
        let stat = parse(line).unwrap();
        assert_eq!((stat.alive, stat.group, stat.user, stat.system), (true, 42, 14, 26));
        assert!(!parse(&line.replace(" S ", " Z ")).unwrap().alive);
        assert!(parse("7 (short) S 1").is_none());
    }

    #[test]
    fn reads_resident_memory() {
        assert_eq!(rss("5630 - 7ff [rollup]\nRss:                1234 kB\nPss: 9 kB\n"), Some(1234 * 1024));
        assert_eq!(rss("Pss: 9 kB\n"), None);
    }
}
