//! Where lines end up.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where a [`LineLog`](super::LineLog) writes.
#[non_exhaustive]
pub enum Target {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to, made when it is not there; can be [reopened](super::LineLog::reopen).
    File(PathBuf),
    /// Anything else.
    Writer(Box<dyn Write + Send>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("Stdout"),
            Self::Stderr => f.write_str("Stderr"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Writer(_) => f.write_str("Writer"),
        }
    }
}

/// How one write went.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Lines that went out whole.
    pub(super) lines: u64,
    /// Lines that did not.
    pub(super) lost: u64,
    pub(super) failed: bool,
}

/// An open target.
pub(super) struct Sink {
    out: Box<dyn Write + Send>,
    path: Option<PathBuf>,
    /// The last write broke off inside a line.
    torn: bool,
}

impl Sink {
    pub(super) fn open(target: Target) -> io::Result<Self> {
        let (out, path): (Box<dyn Write + Send>, _) = match target {
            Target::Stdout => (standard(io::stdout()), None),
            Target::Stderr => (standard(io::stderr()), None),
            Target::File(path) => (Box::new(append(&path)?), Some(path)),
            Target::Writer(out) => (out, None),
        };
        Ok(Self { out, path, torn: false })
    }

    /// The old file is kept when the new one cannot be opened.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.out = Box::new(append(path)?);
            self.torn = false;
        }
        Ok(())
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> Written {
        // A torn line must not swallow the next one.
        if self.torn {
            self.torn = self.put(b"\n") < 1;
        }
        let sent = if self.torn { 0 } else { self.put(lines) };
        let flushed = self.out.flush().is_ok();
        if sent > 0 {
            self.torn = lines[sent - 1] != b'\n';
        }
        let count = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        let whole = count(&lines[..sent]);
        Written { lines: whole, lost: count(lines) - whole, failed: sent < lines.len() || !flushed }
    }

    /// How many bytes went out before the target failed.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.out.write(&bytes[sent..]) {
                Ok(0) => break,
                Ok(n) => sent += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody who shares the descriptor has made it one that does not block. This thread may wait.
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::park_timeout(FULL),
                Err(_) => break,
            }
        }
        sent
    }
}

/// How long a target that does not block is left alone when it is full.
const FULL: Duration = Duration::from_millis(10);

/// A standard stream by a descriptor of our own: other writers to it do not wait behind a lock that is held while
/// the reader stands still. As it is where descriptors are used up.
#[cfg(unix)]
fn standard(stream: impl std::os::fd::AsFd + Write + Send + 'static) -> Box<dyn Write + Send> {
    match stream.as_fd().try_clone_to_owned() {
        Ok(own) => Box::new(File::from(own)),
        Err(_) => Box::new(stream),
    }
}

#[cfg(not(unix))]
fn standard(stream: impl Write + Send + 'static) -> Box<dyn Write + Send> {
    Box::new(stream)
}

/// A file that is not there yet is made for its owner to write and its group to read: lines tell of clients.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(path)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    /// A disk with so much room left.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        fn room(&self, bytes: usize) {
            self.0.lock().1 = bytes;
        }
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().0.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (held, room) = &mut *self.0.lock();
            let taken = bytes.len().min(*room);
            if taken == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            held.extend_from_slice(&bytes[..taken]);
            *room -= taken;
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_lines_but_never_glues_them() {
        let disk = Disk::default();
        let mut sink = Sink::open(Target::Writer(Box::new(disk.clone()))).unwrap();
        disk.room(6);
        assert_eq!(sink.write(b"one\ntwo\nsix\n"), Written { lines: 1, lost: 2, failed: true });
        assert_eq!(sink.write(b"ten\n"), Written { lines: 0, lost: 1, failed: true });
        disk.room(100);
        assert_eq!(sink.write(b"end\n"), Written { lines: 1, lost: 0, failed: false });
        assert_eq!(disk.text(), "one\ntw\nend\n");
    }

    #[test]
    fn a_failure_between_lines_leaves_no_empty_line() {
        let disk = Disk::default();
        let mut sink = Sink::open(Target::Writer(Box::new(disk.clone()))).unwrap();
        disk.room(4);
        assert!(sink.write(b"one\ntwo\n").failed);
        disk.room(100);
        assert!(!sink.write(b"end\n").failed);
        assert_eq!(disk.text(), "one\nend\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_not_for_everybody_to_read() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("plimsoll-line-log-mode-{}", std::process::id()));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        drop(append(&path).unwrap());
        // The process's own mask may take more away.
        assert_eq!(mode(&path) & !0o640, 0, "{:o}", mode(&path));
        // A file that is there already stays as its owner made it.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        drop(append(&path).unwrap());
        assert_eq!(mode(&path), 0o644);
        std::fs::remove_file(&path).unwrap();
    }
}
