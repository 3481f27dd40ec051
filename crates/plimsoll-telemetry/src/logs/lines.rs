//! The writer that never waits.

use super::LogFormat;
use crate::line_log::{LineLog, WriteLineError};
use std::{
    fmt::Write as _,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tracing_subscriber::fmt::{
    MakeWriter,
    format::Writer,
    time::{FormatTime, SystemTime},
};

/// How often a line is offered while other threads hold all buffers.
const OFFERS: usize = 8;

/// A writer that passes lines to a [`LineLog`].
pub(super) struct Lines {
    log: Arc<LineLog>,
    format: LogFormat,
    /// The number of missing lines that the log has reported.
    told: AtomicU64,
}

impl Lines {
    pub(super) fn new(log: Arc<LineLog>, format: LogFormat) -> Self {
        Self { log, format, told: AtomicU64::new(0) }
    }

    fn put(&self, line: &[u8]) {
        let taken = (0..OFFERS).find_map(|_| match self.log.offer(line) {
            Err(WriteLineError::Busy) => None,
            other => Some(other),
        });
        match taken.unwrap_or(Err(WriteLineError::Busy)) {
            Ok(()) => self.log.wake(),
            Err(dropped) => self.log.count(dropped),
        }
    }

    /// Writes how many lines are missing, once lines can be written again.
    fn tell(&self) {
        let (stats, told) = (self.log.stats(), self.told.load(Relaxed));
        let missing = stats.full + stats.busy + stats.too_long + stats.failed;
        // Only when everything that waited has been taken: else the note is lost like the others.
        if missing == told || !self.log.is_empty() {
            return;
        }
        if self.told.compare_exchange(told, missing, Relaxed, Relaxed).is_ok() {
            self.put(note(self.format, missing - told).as_bytes());
        }
    }
}

fn note(format: LogFormat, lines: u64) -> String {
    let mut time = String::new();
    // Without a readable clock the note has no time.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let (target, message) = (module_path!(), "lines of this log were dropped");
    let mut note = String::new();
    let _ = match format {
        LogFormat::Readable => write!(note, "{time}  WARN {target}: {message} lines={lines}"),
        LogFormat::Json => write!(
            note,
            "{{\"timestamp\":\"{time}\",\"level\":\"WARN\",\"message\":\"{message}\",\"lines\":{lines},\"target\":\"{target}\"}}"
        ),
    };
    note
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> &'w Self {
        self
    }
}

impl Write for &Lines {
    /// A whole line, as the formatter writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.tell();
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
