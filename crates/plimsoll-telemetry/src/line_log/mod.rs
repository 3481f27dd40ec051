//! Lines written off the hot path, such as an access log.
//!
//! A request's thread copies its line into a buffer and goes on; one thread of the log's own swaps full
//! buffers for empty ones and writes each with one call. Nothing is allocated per line, and memory is fixed
//! when the log is opened. What cannot be taken at once is dropped and counted: a log that blocks a
//! server, when a disk is full or a pipe stands still, is worse than a log with a gap.
//!
//! There are several buffers, and a thread starts at its own, so threads rarely meet; a buffer that somebody
//! holds at the moment is passed over, not waited for. Lines of one thread can therefore change places when
//! it is passed over: each line should carry its time.
//!
//! # Compared with `tracing-appender`
//! Its non-blocking writer bounds the lines that wait, not their bytes, allocates each line and writes each with a call
//! of its own; it rotates files by time and cannot reopen them. `cargo bench -p plimsoll-telemetry --bench lines` runs
//! both side by side: here a line takes no allocation and about a sixth of the time. `cargo xtask bench policy` holds
//! it to at most the same.

mod sink;
mod stats;
mod writer;

pub use sink::Target;
pub use stats::LineStats;

use crate::{collector::Collecting, error::RegisterError, registry::Registry, shard};
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use sink::Sink;
use stats::Counts;
use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};
use writer::{Batch, Shared};

/// The bounds of a [`LineLog`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineLogConfig {
    /// Bytes that may wait to be written. Default 1 MiB; the least is 4 KiB. Memory is at most 1.5 times this.
    pub capacity: usize,
    /// How long a line waits at most before it is written, if the target takes it. Default 200 ms.
    pub interval: Duration,
    /// How long dropping the log waits for what is left to be written. Default 2 s.
    pub linger: Duration,
}

impl Default for LineLogConfig {
    fn default() -> Self {
        Self { capacity: 1 << 20, interval: Duration::from_millis(200), linger: Duration::from_secs(2) }
    }
}

/// An error of writing a line, which was dropped. Each is counted: see [`LineLog::stats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum WriteLineError {
    /// The target is slower than the lines.
    #[error("the log is full")]
    Full,
    /// Every buffer with room was held by another thread at this moment.
    #[error("the log is held by other threads")]
    Busy,
    /// The line is longer than a buffer.
    #[error("the line is longer than the log takes")]
    TooLong,
}

/// A bounded log of lines with a writing thread of its own.
#[derive(Debug)]
pub struct LineLog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    linger: Duration,
}

impl LineLog {
    /// Opens the target and starts the thread.
    ///
    /// # Errors
    /// When the file cannot be opened for appending, or no thread can be started.
    pub fn open(target: Target, config: &LineLogConfig) -> io::Result<Self> {
        let sink = Sink::open(target)?;
        // At least two: while the writer empties one, a lone worker finds the other.
        let buffers = std::thread::available_parallelism().map_or(1, usize::from).clamp(2, 8);
        let each = config.capacity.max(4096) / buffers;
        let buffers = (0..buffers).map(|_| CachePadded::new(Mutex::new(Batch::new(each)))).collect();
        let shared = Arc::new(Shared::new(buffers));
        let (theirs, interval) = (Arc::clone(&shared), config.interval);
        let thread = std::thread::Builder::new()
            .name("plimsoll-lines".to_owned())
            .spawn(move || writer::run(&theirs, sink, Batch::new(each), interval))?;
        Ok(Self { shared, thread: Some(thread), linger: config.linger })
    }

    /// Takes a line, or drops it. Never blocks, never allocates. A missing line break is added; one inside the line is
    /// written as it is.
    ///
    /// # Errors
    /// The reason that the line was dropped; it has been counted.
    pub fn try_write(&self, line: &[u8]) -> Result<(), WriteLineError> {
        let taken = self.offer(line);
        if let Err(dropped) = taken {
            self.count(dropped);
        }
        taken
    }

    /// Counts a line that was offered for the last time.
    pub(crate) fn count(&self, dropped: WriteLineError) {
        self.shared.counts.dropped(dropped);
    }

    /// Returns whether no line waits to be taken by the writing thread.
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.buffers.iter().all(|buffer| buffer.try_lock().is_some_and(|batch| batch.is_empty()))
    }

    /// As [`Self::try_write`], without counting.
    pub(crate) fn offer(&self, line: &[u8]) -> Result<(), WriteLineError> {
        let buffers = &self.shared.buffers;
        let mut why = WriteLineError::Full;
        let own = shard::row();
        for nth in 0..buffers.len() {
            let Some(mut batch) = buffers[(own + nth) % buffers.len()].try_lock() else {
                why = WriteLineError::Busy;
                continue;
            };
            if line.len() >= batch.limit() {
                return Err(WriteLineError::TooLong);
            }
            if let Some(half) = batch.push(line) {
                drop(batch);
                if half {
                    self.wake();
                }
                return Ok(());
            }
        }
        Err(why)
    }

    /// Reopens the target's file, by its path, before the next lines are written: for log rotation. If it cannot be
    /// opened, the old one is kept and the failure counted. Returns at once.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// Waits until the lines taken so far have been written or have failed, at most `limit`. `false` if the limit came
    /// first. Blocks: not for the hot path, nor inside an async task.
    pub fn flush(&self, limit: Duration) -> bool {
        let round = self.shared.ask_round();
        self.wake();
        self.shared.wait_round(round, limit)
    }

    /// Returns the counts of lines written, dropped and failed.
    pub fn stats(&self) -> LineStats {
        self.shared.counts.read()
    }

    /// Registers [`stats`](Self::stats) as metrics, with `log` as label, until the guard is dropped.
    pub fn metrics(&self, registry: &Registry, log: &str) -> Result<Collecting, RegisterError> {
        let shared = Arc::clone(&self.shared);
        Counts::metrics(registry, log, move || shared.counts.read())
    }

    /// Wakes the writing thread.
    pub(crate) fn wake(&self) {
        self.shared.awake.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for LineLog {
    /// Waits for the last lines, at most [`LineLogConfig::linger`]; then leaves the thread to itself.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let written = self.flush(self.linger);
        if let Some(thread) = self.thread.take()
            && written
        {
            // It ends by itself; there is nothing to learn from how.
            let _ = thread.join();
        }
    }
}
