//! The process itself: memory, processor time, open files, threads.
//!
//! Read from `/proc` at every scrape under the names that Prometheus clients share. Where there is no
//! `/proc` (anything but Linux) the families stay empty and are not shown.

use crate::{
    collector::{Collecting, Observed, Samples},
    desc::{Desc, Unit},
    error::RegisterError,
    registry::Registry,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The kernel shows times to processes in hundredths of a second on every architecture that Rust's standard
/// library runs on, whatever its own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Registers the `process_*` metrics. They are read until the guard is dropped.
///
/// ```
/// # fn main() -> Result<(), plimsoll_telemetry::RegisterError> {
/// let registry = plimsoll_telemetry::Registry::new();
/// plimsoll_telemetry::process::metrics(&registry)?.keep();
/// # Ok(())
/// # }
/// ```
pub fn metrics(registry: &Registry) -> Result<Collecting, RegisterError> {
    let process = Process::new(registry, PathBuf::from("/proc"))?;
    registry.register_collector(move |samples| process.collect(samples))
}

#[derive(Debug)]
struct Process {
    proc: PathBuf,
    cpu: Observed<0>,
    resident: Observed<0>,
    virtual_memory: Observed<0>,
    open_fds: Observed<0>,
    max_fds: Observed<0>,
    threads: Observed<0>,
    start_time: Observed<0>,
}

impl Process {
    fn new(registry: &Registry, proc: PathBuf) -> Result<Self, RegisterError> {
        let gauge = |name, help| registry.observed_gauge(Desc::new(name, help), []);
        let bytes = |name, help| registry.observed_gauge(Desc::new(name, help).unit(Unit::Bytes), []);
        let cpu = Desc::new("process_cpu_seconds_total", "Processor time used, user and system.");
        let start =
            Desc::new("process_start_time_seconds", "When the process started, since the Unix epoch.");
        Ok(Self {
            proc,
            cpu: registry.observed_counter(cpu.unit(Unit::Seconds), [])?,
            resident: bytes("process_resident_memory_bytes", "Memory held in RAM.")?,
            virtual_memory: bytes("process_virtual_memory_bytes", "Address space in use.")?,
            open_fds: gauge("process_open_fds", "Open file descriptors.")?,
            max_fds: gauge("process_max_fds", "The most file descriptors the process may open.")?,
            threads: gauge("process_threads", "Threads.")?,
            start_time: registry.observed_gauge(start.unit(Unit::Seconds), [])?,
        })
    }

    fn collect(&self, samples: &mut Samples) {
        let own = self.proc.join("self");
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let mut put = |family, value: Option<f64>| {
            if let Some(value) = value {
                samples.put(family, &[], value);
            }
        };
        let status = read(&own.join("status"));
        put(&self.resident, field(&status, "VmRSS:").map(|kib| kib * 1024.0));
        put(&self.virtual_memory, field(&status, "VmSize:").map(|kib| kib * 1024.0));
        put(&self.threads, field(&status, "Threads:"));
        put(&self.max_fds, field(&read(&own.join("limits")), "Max open files"));
        put(&self.open_fds, open_fds(&own.join("fd")));
        if let Some(times) = Times::parse(&read(&own.join("stat"))) {
            put(&self.cpu, Some(times.used));
            let booted = field(&read(&self.proc.join("stat")), "btime");
            put(&self.start_time, booted.map(|booted| booted + times.started));
        }
    }
}

/// The number behind a line's name.
fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn open_fds(folder: &Path) -> Option<f64> {
    // Linux 6.2 and later say it as the folder's size, which saves listing ten thousand sockets.
    match fs::metadata(folder).ok()?.len() {
        // The listing itself has one open.
        0 => Some(fs::read_dir(folder).ok()?.count().saturating_sub(1) as f64),
        open => Some(open as f64),
    }
}

/// In seconds.
#[derive(Debug, PartialEq)]
struct Times {
    used: f64,
    /// After the machine booted.
    started: f64,
}

impl Times {
    fn parse(stat: &str) -> Option<Self> {
        // The program's name is in brackets and may hold brackets and spaces; the numbers follow the last one.
        let (_, numbers) = stat.rsplit_once(')')?;
        let mut numbers = numbers.split_ascii_whitespace();
        // Fields 14 and 15 of proc(5), then 22; the first one here is field 3.
        let user: f64 = numbers.nth(11)?.parse().ok()?;
        let system: f64 = numbers.next()?.parse().ok()?;
        let started: f64 = numbers.nth(6)?.parse().ok()?;
        Some(Self { used: (user + system) / TICKS_PER_SECOND, started: started / TICKS_PER_SECOND })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Format;

    #[test]
    fn times_survive_an_odd_program_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 500 0 0 0 150 50 0 0 20 0 7 0 12345 1 2 3";
        assert_eq!(Times::parse(stat), Some(Times { used: 2.0, started: 123.45 }));
        assert_eq!(Times::parse("42 (a) S 1"), None);
        assert_eq!(Times::parse(""), None);
    }

    #[test]
    fn fields_are_numbers_behind_names() {
        let status = "Name:\tx\nVmRSS:\t    1024 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(1024.0));
        assert_eq!(field(status, "VmSize:"), None);
        assert_eq!(
            field(
                "Max open files            1024                 4096                 files\n",
                "Max open files"
            ),
            Some(1024.0)
        );
        assert_eq!(field("Max open files            unlimited\n", "Max open files"), None);
    }

    #[test]
    fn without_proc_nothing_is_shown() {
        let registry = Registry::new();
        let process = Process::new(&registry, PathBuf::from("/nonexistent")).unwrap();
        registry.register_collector(move |samples| process.collect(samples)).unwrap().keep();
        assert!(!registry.render(Format::Prometheus).contains("process_"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_shown() {
        let registry = Registry::new();
        metrics(&registry).unwrap().keep();
        let text = registry.render(Format::Prometheus);
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes ") > 100_000.0);
        assert!(value("process_virtual_memory_bytes ") >= value("process_resident_memory_bytes "));
        assert!(value("process_threads ") >= 1.0);
        assert!(value("process_open_fds ") >= 3.0);
        assert!(value("process_cpu_seconds_total ") >= 0.0);
        // After 2020 and not after now.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((1_577_836_800.0..=now + 1.0).contains(&value("process_start_time_seconds ")));
    }
}
