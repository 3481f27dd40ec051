//! `cargo bench -p plimsoll-telemetry --bench lines`: the cost of handing one line of an access log to a writing thread,
//! beside tracing-appender's non-blocking writer. Both write to `/dev/null`.
//!
//! Every timed run hands over a hundred lines; the figure per line is the one behind "items". What was handed over
//! before is written out first, so that neither log is ever full: a dropped line costs nothing and would look fast.

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use plimsoll_telemetry::{LineLog, LineLogConfig, Target};
use std::{hint::black_box, io::Write, path::PathBuf, time::Duration};
use tracing_appender::non_blocking::NonBlockingBuilder;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const LINES: u32 = 100;
const LINE: &[u8] = &[b'x'; 250];
const NOWHERE: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(10);

fn main() {
    divan::main();
}

#[divan::bench]
fn line_log(bencher: Bencher<'_, '_>) {
    let log = LineLog::open(Target::File(PathBuf::from(NOWHERE)), &LineLogConfig::default()).unwrap();
    let written = || assert!(log.flush(LONG), "the writer stands still");
    bencher.counter(ItemsCount::new(LINES)).with_inputs(written).bench_local_values(|()| {
        for _ in 0..LINES {
            log.try_write(black_box(LINE)).unwrap();
        }
    });
}

#[divan::bench]
fn tracing_appender(bencher: Bencher<'_, '_>) {
    let file = std::fs::OpenOptions::new().append(true).open(NOWHERE).unwrap();
    let (mut writer, _guard) = NonBlockingBuilder::default().finish(file);
    let dropped = writer.error_counter();
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        for _ in 0..LINES {
            writer.write_all(black_box(LINE)).unwrap();
        }
    });
    assert_eq!(dropped.dropped_lines(), 0, "lines were dropped, which costs nothing");
}
