//! Statistics of a line log.

use super::{WriteLineError, sink::Written};
use crate::{collector::Collecting, desc::Desc, error::RegisterError, registry::Registry};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts since a [`LineLog`](super::LineLog) was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LineStats {
    /// Lines that the target took whole.
    pub written: u64,
    /// Lines dropped because the log was full.
    pub full: u64,
    /// Lines dropped because all buffers with room were held.
    pub busy: u64,
    /// Lines dropped because they were too long.
    pub too_long: u64,
    /// Lines lost because the target failed.
    pub failed: u64,
    /// Writes that the target failed, in whole or in part.
    pub write_errors: u64,
    /// Attempts to reopen that failed.
    pub reopen_errors: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    written: AtomicU64,
    full: AtomicU64,
    busy: AtomicU64,
    too_long: AtomicU64,
    failed: AtomicU64,
    write_errors: AtomicU64,
    reopen_errors: AtomicU64,
}

impl Counts {
    pub(super) fn dropped(&self, why: WriteLineError) {
        let count = match why {
            WriteLineError::Full => &self.full,
            WriteLineError::Busy => &self.busy,
            WriteLineError::TooLong => &self.too_long,
        };
        count.fetch_add(1, Relaxed);
    }

    pub(super) fn wrote(&self, written: &Written) {
        self.written.fetch_add(written.lines, Relaxed);
        self.failed.fetch_add(written.lost, Relaxed);
        self.write_errors.fetch_add(u64::from(written.failed), Relaxed);
    }

    pub(super) fn reopen_failed(&self) {
        self.reopen_errors.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> LineStats {
        LineStats {
            written: self.written.load(Relaxed),
            full: self.full.load(Relaxed),
            busy: self.busy.load(Relaxed),
            too_long: self.too_long.load(Relaxed),
            failed: self.failed.load(Relaxed),
            write_errors: self.write_errors.load(Relaxed),
            reopen_errors: self.reopen_errors.load(Relaxed),
        }
    }

    pub(super) fn metrics(
        registry: &Registry,
        log: &str,
        read: impl Fn() -> LineStats + Send + Sync + 'static,
    ) -> Result<Collecting, RegisterError> {
        let written =
            Desc::new("plimsoll_log_lines_written_total", "Lines that the log's target took whole.");
        let dropped =
            Desc::new("plimsoll_log_lines_dropped_total", "Lines that were not written, by reason.");
        let errors = Desc::new("plimsoll_log_errors_total", "Operations on the log's target that failed.");
        let written = registry.observed_counter(written, ["log"])?;
        let dropped = registry.observed_counter(dropped, ["log", "reason"])?;
        let errors = registry.observed_counter(errors, ["log", "operation"])?;
        let log = log.to_owned();
        registry.register_collector(move |samples| {
            let stats = read();
            samples.put(&written, &[&log], stats.written as f64);
            samples.put(&dropped, &[&log, "full"], stats.full as f64);
            samples.put(&dropped, &[&log, "busy"], stats.busy as f64);
            samples.put(&dropped, &[&log, "too-long"], stats.too_long as f64);
            samples.put(&dropped, &[&log, "write-failed"], stats.failed as f64);
            samples.put(&errors, &[&log, "write"], stats.write_errors as f64);
            samples.put(&errors, &[&log, "reopen"], stats.reopen_errors as f64);
        })
    }
}
