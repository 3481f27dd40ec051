//! Whether a file has changed, by looking at it now and then.
//!
//! Looking works on every file system (a network's, a container's mount, where notices of the kernel do not come), and
//! through every way in which files are replaced: written in place, renamed over, a symlink turned elsewhere.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

/// How often the file is looked at. A change is taken up once it has stood still for as long.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// The attributes that tell one state of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    place: (u64, u64),
}

impl Stamp {
    /// The file's now. Blocks.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { modified: metadata.modified().ok(), length: metadata.len(), place: place(&metadata) })
    }
}

#[cfg(unix)]
fn place(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn place(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}

/// A detector of changes of a file.
#[derive(Debug, Default)]
pub(super) struct FileWatcher {
    /// The state at the last reload, or at the start.
    settled: Option<Stamp>,
    seen: Option<Stamp>,
}

impl FileWatcher {
    /// Creates a watcher of a file whose present state is in use.
    pub(super) fn new(now: Option<Stamp>) -> Self {
        Self { settled: now, seen: now }
    }

    /// Notes the present state (`None`: there is no file, as while an editor saves it) and returns whether to reload: the
    /// file has changed, and has not changed since the last look.
    pub(super) fn look(&mut self, now: Option<Stamp>) -> bool {
        let before = std::mem::replace(&mut self.seen, now);
        let changed = now.is_some() && now != self.settled && now == before;
        if changed {
            self.settled = now;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(length: u64, inode: u64) -> Stamp {
        Stamp { modified: Some(SystemTime::UNIX_EPOCH), length, place: (1, inode) }
    }

    #[test]
    fn a_change_is_taken_up_once_and_only_when_it_stands_still() {
        let mut watch = FileWatcher::new(Some(stamp(10, 1)));
        let looks = [
            (Some(stamp(10, 1)), false),
            (Some(stamp(11, 1)), false), // being written
            (Some(stamp(12, 1)), false),
            (Some(stamp(12, 1)), true),
            (Some(stamp(12, 1)), false),
            (None, false),               // renamed away
            (Some(stamp(12, 2)), false), // another in its place
            (Some(stamp(12, 2)), true),
            (Some(stamp(12, 2)), false),
            (None, false),
            (Some(stamp(12, 2)), false), // the same is back
            (Some(stamp(12, 2)), false),
        ];
        for (nth, (look, taken)) in looks.into_iter().enumerate() {
            assert_eq!(watch.look(look), taken, "look {nth}");
        }
    }

    #[test]
    fn stamps_tell_a_replaced_file() {
        let folder = std::env::temp_dir().join(format!("plimsoll-watch-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, other) = (folder.join("a"), folder.join("b"));
        fs::write(&path, "one").unwrap();
        fs::write(&other, "two").unwrap();
        let before = Stamp::of(&path).unwrap();
        assert_eq!(Stamp::of(&path).unwrap(), before);
        fs::rename(&other, &path).unwrap();
        assert_ne!(Stamp::of(&path).unwrap(), before);
        fs::remove_dir_all(&folder).unwrap();
    }
}
