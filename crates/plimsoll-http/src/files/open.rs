use super::root::Miss;
use rustix::{fd::OwnedFd, fs::Stat};
use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// An open regular file, with its state at that moment.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: OwnedFd,
    seen: Seen,
}

/// A file's length and time of the last change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) len: u64,
    pub(super) modified: SystemTime,
}

impl Seen {
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "the fields' types differ by platform")]
    fn of(stat: &Stat) -> Self {
        let since = Duration::new(stat.st_mtime.max(0) as u64, stat.st_mtime_nsec as u32);
        Self { len: u64::try_from(stat.st_size).unwrap_or(0), modified: UNIX_EPOCH + since }
    }
}

impl OpenFile {
    pub(super) fn new(file: OwnedFd, stat: &Stat) -> Self {
        Self { file, seen: Seen::of(stat) }
    }

    /// Returns the file's state when it was opened.
    pub(super) const fn seen(&self) -> Seen {
        self.seen
    }

    /// Returns the file's state now.
    pub(super) fn now(&self) -> io::Result<Seen> {
        Ok(Seen::of(&rustix::fs::fstat(&self.file)?))
    }

    /// Reads from the page cache, at least a byte; [`Miss::Cold`] if it has none.
    #[cfg(target_os = "linux")]
    pub(super) fn read_cached(&self, buffer: &mut [u8], at: u64) -> Result<usize, Miss> {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        match preadv2(&self.file, &mut [io::IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read),
            // Not every file system can report whether it would wait.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS) => Err(Miss::Cold),
            Err(errno) => Err(Miss::Failed(errno.into())),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn read_cached(&self, _: &mut [u8], _: u64) -> Result<usize, Miss> {
        Err(Miss::Cold)
    }

    /// Fills the buffer, and waits for the disk if necessary. Reads less only at the end of the file.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match rustix::io::pread(&self.file, &mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(filled)
    }

    /// Requests read-ahead of the next bytes from the kernel.
    #[cfg(target_os = "linux")]
    pub(super) fn fetch(&self, at: u64, len: u64) {
        let len = std::num::NonZeroU64::new(len);
        // Only a hint: if it is ignored, the next read waits a little longer.
        let _ = rustix::fs::fadvise(&self.file, at, len, rustix::fs::Advice::WillNeed);
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn fetch(&self, _: u64, _: u64) {}
}
