//! The thread that writes.

use super::{sink::Sink, stats::Counts};
use crossbeam_utils::CachePadded;
use parking_lot::{Condvar, Mutex};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Lines that wait together.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    limit: usize,
}

impl Batch {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::with_capacity(limit), limit }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes the line if there is room; then says whether this made the buffer half full.
    pub(super) fn push(&mut self, line: &[u8]) -> Option<bool> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let before = self.bytes.len();
        if before + line.len() >= self.limit {
            return None;
        }
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        let half = self.limit / 2;
        Some(before < half && self.bytes.len() >= half)
    }
}

/// The state that the writing thread and the others share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) buffers: Box<[CachePadded<Mutex<Batch>>]>,
    pub(super) counts: Counts,
    /// Set before the thread is unparked: a target that parks in its own writes would swallow a bare unpark.
    pub(super) awake: AtomicBool,
    pub(super) reopen: AtomicBool,
    pub(super) stop: AtomicBool,
    rounds: Mutex<Rounds>,
    round_done: Condvar,
}

/// Rounds over all buffers: which one was asked for last, and which one is over.
#[derive(Debug, Default)]
struct Rounds {
    asked: u64,
    done: u64,
}

impl Shared {
    pub(super) fn new(buffers: Box<[CachePadded<Mutex<Batch>>]>) -> Self {
        Self {
            buffers,
            counts: Counts::default(),
            awake: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            rounds: Mutex::default(),
            round_done: Condvar::new(),
        }
    }

    pub(super) fn ask_round(&self) -> u64 {
        let mut rounds = self.rounds.lock();
        rounds.asked += 1;
        rounds.asked
    }

    pub(super) fn wait_round(&self, round: u64, limit: Duration) -> bool {
        let mut rounds = self.rounds.lock();
        self.round_done.wait_while_for(&mut rounds, |rounds| rounds.done < round, limit);
        rounds.done >= round
    }

    fn asked(&self) -> u64 {
        self.rounds.lock().asked
    }

    fn finish(&self, round: u64) {
        self.rounds.lock().done = round;
        self.round_done.notify_all();
    }
}

pub(super) fn run(shared: &Shared, mut sink: Sink, mut spare: Batch, interval: Duration) {
    loop {
        if !shared.awake.swap(false, Ordering::Acquire) {
            std::thread::park_timeout(interval);
            // A swap and no store, so that what was set before the waking is seen now.
            shared.awake.swap(false, Ordering::Acquire);
        }
        // Read before the buffers: whatever was taken before the question is in this round.
        let stop = shared.stop.load(Ordering::Acquire);
        let round = shared.asked();
        if shared.reopen.swap(false, Ordering::Acquire) && sink.reopen().is_err() {
            shared.counts.reopen_failed();
        }
        for buffer in &shared.buffers {
            std::mem::swap(&mut *buffer.lock(), &mut spare);
            if !spare.bytes.is_empty() {
                shared.counts.wrote(&sink.write(&spare.bytes));
                spare.bytes.clear();
            }
        }
        // The last round serves every flush, also one that was requested after it began.
        shared.finish(if stop { u64::MAX } else { round });
        if stop {
            return;
        }
    }
}
