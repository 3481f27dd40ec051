//! The line log against files, full and stuck targets.
#![cfg(not(loom))]

use plimsoll_telemetry::{Desc, Format, LineLog, LineLogConfig, Registry, Target, WriteLineError, shard};
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

/// Far above what any of this takes; only a hang waits for it.
const LONG: Duration = Duration::from_secs(60);

fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A log that writes when it is asked to, and not in between.
fn patient() -> LineLogConfig {
    LineLogConfig { interval: LONG, linger: LONG, ..LineLogConfig::default() }
}

#[test]
fn lines_from_many_threads_arrive_whole() {
    let path = folder("whole").join("access.log");
    let log = LineLog::open(Target::File(path.clone()), &patient()).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let log = &log;
            scope.spawn(move || {
                shard::own();
                for nth in 0..500 {
                    let line = format!("{{\"worker\":{worker},\"nth\":{nth}}}\n");
                    // Another thread may hold every buffer at this very moment.
                    while log.try_write(line.as_bytes()) == Err(WriteLineError::Busy) {}
                }
            });
        }
    });
    assert!(log.flush(LONG));
    assert_eq!(log.stats().written, 2000);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 2000);
    assert!(lines.iter().all(|line| line.starts_with("{\"worker\":") && line.ends_with('}')));
}

#[test]
fn dropping_the_log_writes_what_is_left() {
    let path = folder("left").join("access.log");
    let log = LineLog::open(Target::File(path.clone()), &patient()).unwrap();
    log.try_write(b"without a line break").unwrap();
    log.try_write(b"with one\n").unwrap();
    drop(log);
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text, "without a line break\nwith one\n");
}

#[test]
fn a_rotated_file_is_left_and_a_new_one_begun() {
    let folder = folder("rotated");
    let (path, old) = (folder.join("access.log"), folder.join("access.log.1"));
    let log = LineLog::open(Target::File(path.clone()), &patient()).unwrap();
    log.try_write(b"one").unwrap();
    assert!(log.flush(LONG));
    fs::rename(&path, &old).unwrap();
    log.try_write(b"two").unwrap();
    assert!(log.flush(LONG));
    log.reopen();
    assert!(log.flush(LONG));
    log.try_write(b"three").unwrap();
    assert!(log.flush(LONG));
    assert_eq!(fs::read_to_string(&old).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
}

#[test]
fn when_the_file_cannot_be_reopened_the_old_one_goes_on() {
    let folder = folder("kept");
    let (inner, kept) = (folder.join("logs"), folder.join("kept"));
    fs::create_dir_all(&inner).unwrap();
    let log = LineLog::open(Target::File(inner.join("access.log")), &patient()).unwrap();
    fs::rename(&inner, &kept).unwrap();
    log.reopen();
    log.try_write(b"still here").unwrap();
    assert!(log.flush(LONG));
    assert_eq!(log.stats().reopen_errors, 1);
    assert_eq!(fs::read_to_string(kept.join("access.log")).unwrap(), "still here\n");
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let path = folder("unopened").join("missing").join("access.log");
    assert!(LineLog::open(Target::File(path), &patient()).is_err());
}

#[derive(Clone)]
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_closed_pipe_is_counted() {
    let log = LineLog::open(Target::Writer(Box::new(Broken)), &patient()).unwrap();
    for _ in 0..2 {
        log.try_write(b"lost").unwrap();
        assert!(log.flush(LONG));
    }
    let stats = log.stats();
    assert_eq!((stats.written, stats.failed, stats.write_errors), (0, 2, 2));
}

/// A target that says when it is written to, and takes it only when it is told to.
struct Gate {
    entered: SyncSender<()>,
    open: Mutex<Receiver<()>>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.entered.send(());
        let _ = self.open.lock().unwrap().recv();
        self.taken.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_target_fills_the_log_and_blocks_nobody() {
    let (entered, is_in) = sync_channel(64);
    let (go, open) = sync_channel(64);
    let taken = Arc::<Mutex<Vec<u8>>>::default();
    let gate = Gate { entered, open: Mutex::new(open), taken: Arc::clone(&taken) };
    let config = LineLogConfig { capacity: 4096, linger: Duration::ZERO, ..patient() };
    let log = LineLog::open(Target::Writer(Box::new(gate)), &config).unwrap();
    let registry = Registry::new();
    log.metrics(&registry, "access").unwrap().keep();

    assert_eq!(log.try_write(&[b'x'; 8192]), Err(WriteLineError::TooLong));
    log.try_write(b"first").unwrap();
    assert!(!log.flush(Duration::ZERO));
    is_in.recv_timeout(LONG).unwrap();

    let line = [b'y'; 99];
    let fitting = (0..1000).take_while(|_| log.try_write(&line).is_ok()).count();
    assert!((20..=41).contains(&fitting), "{fitting} lines of 100 bytes in 4096");
    assert_eq!(log.try_write(&line), Err(WriteLineError::Full));
    assert!(!log.flush(Duration::ZERO));

    for _ in 0..64 {
        go.send(()).unwrap();
    }
    drop(go);
    assert!(log.flush(LONG));
    let stats = log.stats();
    assert_eq!((stats.written, stats.full, stats.too_long), (fitting as u64 + 1, 2, 1));
    assert_eq!(taken.lock().unwrap().len(), 6 + 100 * fitting);
    let text = registry.render(Format::Prometheus);
    assert!(text.contains("plimsoll_log_lines_dropped_total{log=\"access\",reason=\"full\"} 2\n"), "{text}");
    // The names are as good as any other's.
    assert!(registry.counter(Desc::new("plimsoll_log_lines_written_total", "x")).is_err());
}

#[test]
fn dropping_a_stuck_log_does_not_wait_for_it() {
    let (entered, is_in) = sync_channel(1);
    let (go, open) = sync_channel(1);
    let gate = Gate { entered, open: Mutex::new(open), taken: Arc::default() };
    let config = LineLogConfig { linger: Duration::ZERO, ..patient() };
    let log = LineLog::open(Target::Writer(Box::new(gate)), &config).unwrap();
    log.try_write(b"never taken").unwrap();
    log.flush(Duration::ZERO);
    is_in.recv_timeout(LONG).unwrap();
    // Comes back though nobody opens the gate.
    drop(log);
    drop(go);
}
