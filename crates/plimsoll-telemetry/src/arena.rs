//! The storage of metrics: one contiguous block per shard, shared by many metrics.
//!
//! The usual remedy against false sharing pads every counter to its own cache line, in every shard. Here
//! the *row* is padded, not the counter: all metrics of one shard lie side by side, written by one thread
//! only, and only rows of different shards are kept on different lines. A request that touches ten counters
//! touches two or three lines instead of ten, and a counter costs 8 bytes a shard instead of 128.
//!
//! Handles keep their block alive by reference count. Nothing is leaked: when a series is retired and its
//! last handle is gone, its cells are zeroed and used for the next one.

use crate::{
    shard::{self, SHARED},
    sync::{AtomicU64, Ordering},
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

const LANES: usize = 16;

/// Cells of one row of an ordinary block: 4 KiB a shard.
const ROW_CELLS: usize = 512;

/// Two cache lines, since processors fetch them in pairs.
#[repr(align(128))]
#[derive(Debug)]
struct CacheLine([AtomicU64; LANES]);

impl CacheLine {
    fn zeroed() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// A run of cells that exists once per row.
#[derive(Debug)]
struct CellRange {
    lines: Arc<[CacheLine]>,
    row_lines: usize,
    first: usize,
    len: usize,
}

impl CellRange {
    fn rows(&self) -> usize {
        self.lines.len() / self.row_lines
    }

    fn at(&self, row: usize, index: usize) -> &AtomicU64 {
        let cell = self.first + index;
        &self.lines[row * self.row_lines + cell / LANES].0[cell % LANES]
    }
}

/// A handle to a range of cells, which returns it to the arena when the last reference is gone.
#[derive(Debug)]
struct CellHandle {
    range: Option<CellRange>,
    arena: Weak<CellArena>,
}

impl Drop for CellHandle {
    fn drop(&mut self) {
        if let (Some(range), Some(arena)) = (self.range.take(), self.arena.upgrade()) {
            // The last reference: every writer has dropped its handle before, so nothing follows the zeroes.
            for row in 0..range.rows() {
                for index in 0..range.len {
                    range.at(row, index).store(0, Ordering::Relaxed);
                }
            }
            arena.lock().free.entry(range.len).or_default().push(range);
        }
    }
}

/// The cells of one series: cheap to clone, cheap to write, summed over all rows when read.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    // A copy of what the handle holds, so that a write follows one pointer and not two.
    lines: Arc<[CacheLine]>,
    row_lines: usize,
    first: usize,
    handle: Arc<CellHandle>,
}

impl Cells {
    /// Adds to one cell, wrapping. No locked instruction when the thread owns a shard.
    #[inline]
    pub(crate) fn add(&self, index: usize, n: u64) {
        self.add_in(shard::row(), index, n);
    }

    /// `row` is the shard the calling thread owns, or [`SHARED`].
    #[inline]
    pub(crate) fn add_in(&self, row: usize, index: usize, n: u64) {
        let cell = self.first + index;
        let (line, lane) = (cell / LANES, cell % LANES);
        // One comparison for both questions: is there an own row, and does this registry have it?
        if row != SHARED
            && let Some(own) = self.lines.get(row * self.row_lines + line)
        {
            let own = &own.0[lane];
            own.store(own.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
        } else {
            self.lines[line].0[lane].fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Returns whether there are other clones of this handle.
    pub(crate) fn held(&self) -> bool {
        Arc::strong_count(&self.handle) > 1
    }

    /// The sum over all rows, wrapping. Every row only grows, so one reader never sees a sum go back
    /// (unless the caller adds negative numbers).
    pub(crate) fn sum(&self, index: usize) -> u64 {
        let cell = self.first + index;
        let (line, lane) = (cell / LANES, cell % LANES);
        self.lines[line..]
            .iter()
            .step_by(self.row_lines)
            .fold(0, |sum: u64, row| sum.wrapping_add(row.0[lane].load(Ordering::Relaxed)))
    }
}

/// An allocator of cells, one for each registry.
#[derive(Debug)]
pub(crate) struct CellArena {
    rows: usize,
    blocks: Mutex<Blocks>,
}

#[derive(Debug, Default)]
struct Blocks {
    /// The block that is being filled, and the number of used cells in each of its rows.
    open: Option<(Arc<[CacheLine]>, usize)>,
    /// Returned ranges, by length.
    free: HashMap<usize, Vec<CellRange>>,
    bytes: usize,
}

impl CellArena {
    pub(crate) fn new(shards: usize) -> Arc<Self> {
        Arc::new(Self { rows: shards + 1, blocks: Mutex::default() })
    }

    /// Allocates `len` zeroed cells in every row.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> Cells {
        let range = self.range(len);
        let (lines, row_lines, first) = (Arc::clone(&range.lines), range.row_lines, range.first);
        let handle = Arc::new(CellHandle { range: Some(range), arena: Arc::downgrade(self) });
        Cells { lines, row_lines, first, handle }
    }

    /// Returns the bytes of all blocks, used or not.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn range(&self, len: usize) -> CellRange {
        let mut blocks = self.lock();
        if let Some(range) = blocks.free.get_mut(&len).and_then(Vec::pop) {
            return range;
        }
        if len > ROW_CELLS {
            let row_lines = len.div_ceil(LANES);
            let lines = self.block(row_lines, &mut blocks);
            return CellRange { lines, row_lines, first: 0, len };
        }
        let row_lines = ROW_CELLS / LANES;
        let (lines, used) = match blocks.open.take() {
            Some((lines, used)) if used + len <= ROW_CELLS => (lines, used),
            _ => (self.block(row_lines, &mut blocks), 0),
        };
        blocks.open = Some((Arc::clone(&lines), used + len));
        CellRange { lines, row_lines, first: used, len }
    }

    fn block(&self, row_lines: usize, blocks: &mut Blocks) -> Arc<[CacheLine]> {
        let lines: Arc<[CacheLine]> = (0..self.rows * row_lines).map(|_| CacheLine::zeroed()).collect();
        blocks.bytes += size_of_val(&*lines);
        lines
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Blocks> {
        self.blocks.lock()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_row_the_arena_lacks_is_counted_in_the_shared_one() {
        let cells = CellArena::new(2).take(1);
        for row in [SHARED, 1, 2, 3, 200] {
            cells.add_in(row, 0, 10);
        }
        assert_eq!(cells.sum(0), 50);
        assert_eq!(cells.lines[0].0[0].load(Ordering::Relaxed), 30);
    }

    #[test]
    fn neighbours_do_not_disturb_each_other() {
        let arena = CellArena::new(3);
        let all: Vec<_> = [1, 300, 7, 700, 16, 250, 1].map(|len| (len, arena.take(len))).into();
        for (nth, (len, cells)) in all.iter().enumerate() {
            for index in 0..*len {
                for row in 0..=3 {
                    cells.add_in(row, index, nth as u64 + 1);
                }
            }
        }
        for (nth, (len, cells)) in all.iter().enumerate() {
            assert!((0..*len).all(|index| cells.sum(index) == 4 * (nth as u64 + 1)));
        }
    }

    #[test]
    fn rows_of_different_shards_share_no_cache_line() {
        let cells = CellArena::new(2).take(1);
        let at = |row: usize| std::ptr::from_ref(&cells.lines[row * cells.row_lines].0[0]).addr();
        assert_eq!(at(0) % 128, 0);
        assert!(at(1) - at(0) >= 128 && at(2) - at(1) >= 128);
    }

    #[test]
    fn cells_come_back_zeroed_once_the_last_handle_is_gone() {
        let arena = CellArena::new(1);
        let cells = arena.take(ROW_CELLS);
        let second = cells.clone();
        cells.add_in(1, 3, 9);
        drop(cells);
        second.add_in(1, 3, 9);
        assert_eq!(second.sum(3), 18);
        let bytes = arena.bytes();
        drop(second);
        let again = arena.take(ROW_CELLS);
        assert_eq!(arena.bytes(), bytes);
        assert_eq!(again.sum(3), 0);
    }

    #[test]
    fn a_thousand_counters_cost_eight_bytes_a_row_each() {
        let arena = CellArena::new(8);
        let all: Vec<_> = (0..1000).map(|_| arena.take(1)).collect();
        // Two blocks of 512 cells in nine rows; padded one by one it would be 1000 * 9 * 128 bytes.
        assert_eq!(arena.bytes(), 2 * 512 * 8 * 9);
        drop(all);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::shard::Shards;

    fn tiny() -> Cells {
        let arena = Arc::new(CellArena { rows: 3, blocks: Mutex::default() });
        let lines: Arc<[CacheLine]> = (0..3).map(|_| CacheLine::zeroed()).collect();
        let range = CellRange { lines: Arc::clone(&lines), row_lines: 1, first: 0, len: 1 };
        let handle = Arc::new(CellHandle { range: Some(range), arena: Arc::downgrade(&arena) });
        Cells { lines, row_lines: 1, first: 0, handle }
    }

    #[test]
    fn nothing_is_lost_when_a_row_changes_hands() {
        loom::model(|| {
            let shards: &'static Shards = Box::leak(Box::new(Shards::for_loom()));
            let cells = tiny();
            let workers: Vec<_> = (0..2)
                .map(|_| {
                    let cells = cells.clone();
                    loom::thread::spawn(move || {
                        let claim = shards.claim().unwrap();
                        cells.add_in(claim.row(), 0, 1);
                        drop(claim);
                        // As from a destructor that runs after the shard went back.
                        cells.add_in(SHARED, 0, 1);
                    })
                })
                .collect();
            for worker in workers {
                worker.join().unwrap();
            }
            assert_eq!(cells.sum(0), 4);
        });
    }

    #[test]
    fn a_sum_never_goes_back_while_owners_and_others_add() {
        loom::model(|| {
            let shards: &'static Shards = Box::leak(Box::new(Shards::for_loom()));
            let cells = tiny();
            let (owner, other) = (cells.clone(), cells.clone());
            let owner = loom::thread::spawn(move || {
                let claim = shards.claim().unwrap();
                owner.add_in(claim.row(), 0, 1);
                owner.add_in(claim.row(), 0, 1);
            });
            let other = loom::thread::spawn(move || other.add_in(SHARED, 0, 1));
            let (first, second) = (cells.sum(0), cells.sum(0));
            assert!(first <= second && second <= 3);
            owner.join().unwrap();
            other.join().unwrap();
            assert_eq!(cells.sum(0), 3);
        });
    }
}
