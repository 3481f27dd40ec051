//! Opening of files below one folder alone.

use super::open::OpenFile;
use rustix::{
    fd::OwnedFd,
    fs::{CWD, FileType, Mode, OFlags},
    io::Errno,
};
use std::{io, path::Path};

/// The effort that an operation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// The kernel's caches only, without waiting for a disk. For threads that drive other requests.
    Cached,
    /// Unlimited.
    Full,
}

/// The reason why a file was not opened or read.
#[derive(Debug)]
pub(super) enum Miss {
    /// It would have had to wait; try again with [`Effort::Full`].
    Cold,
    /// There is no file that may be served.
    Absent,
    /// The system failed.
    Failed(io::Error),
}

/// The target of a name.
#[derive(Debug)]
pub(super) enum Entry {
    File(OpenFile),
    Folder,
}

/// The open folder: the kernel refuses a path that leads out of it, whatever is moved meanwhile.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `openat2` ensures that the path stays below, links included.
    #[cfg(target_os = "linux")]
    Beneath { cached: bool },
    /// Without `openat2` (before Linux 5.6, in a sandbox, on another Unix): step by step, and no link is followed.
    Steps,
}

/// Does not wait for a writer at the other end of a FIFO.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY);

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let folder = rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?;
        let way = Way::best(&folder);
        Ok(Self { folder, way })
    }

    /// Opens as on a system without `openat2`.
    #[cfg(test)]
    pub(super) fn open_for_steps(path: &Path) -> io::Result<Self> {
        Ok(Self { way: Way::Steps, ..Self::open(path)? })
    }

    /// Opens what `name` stands for.
    pub(super) fn entry(&self, name: &[u8], effort: Effort) -> Result<Entry, Miss> {
        if name.is_empty() {
            return Ok(Entry::Folder);
        }
        let file = match self.way {
            #[cfg(target_os = "linux")]
            Way::Beneath { cached } => beneath(&self.folder, name, effort, cached)?,
            Way::Steps if effort == Effort::Cached => return Err(Miss::Cold),
            Way::Steps => steps(&self.folder, name)?,
        };
        let stat = rustix::fs::fstat(&file).map_err(|errno| Miss::Failed(errno.into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Entry::File(OpenFile::new(file, &stat))),
            FileType::Directory => Ok(Entry::Folder),
            // A FIFO, a socket, a device: not content.
            _ => Err(Miss::Absent),
        }
    }
}

impl Way {
    #[cfg(target_os = "linux")]
    fn best(folder: &OwnedFd) -> Self {
        use rustix::fs::{ResolveFlags, openat2};
        let tried = |resolve| openat2(folder, ".", FOLDER, Mode::empty(), resolve);
        // Only the errors "no such call" and "no such flag" hold for the next call as well.
        let knows =
            |found: Result<OwnedFd, Errno>| !matches!(found, Err(Errno::NOSYS | Errno::PERM | Errno::INVAL));
        if !knows(tried(ResolveFlags::BENEATH)) {
            return Self::Steps;
        }
        Self::Beneath { cached: knows(tried(ResolveFlags::BENEATH | ResolveFlags::CACHED)) }
    }

    #[cfg(not(target_os = "linux"))]
    fn best(_: &OwnedFd) -> Self {
        Self::Steps
    }
}

#[cfg(target_os = "linux")]
fn beneath(folder: &OwnedFd, name: &[u8], effort: Effort, cached: bool) -> Result<OwnedFd, Miss> {
    use rustix::fs::{ResolveFlags, openat2};
    /// A rename elsewhere in the tree makes the kernel unsure for a moment.
    const TRIES: usize = 16;
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if effort == Effort::Cached {
        if !cached {
            return Err(Miss::Cold);
        }
        resolve |= ResolveFlags::CACHED;
    }
    for _ in 0..TRIES {
        match openat2(folder, name, FLAGS, Mode::empty(), resolve) {
            Ok(file) => return Ok(file),
            Err(Errno::AGAIN) if effort == Effort::Cached => return Err(Miss::Cold),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(missed(errno)),
        }
    }
    Err(Miss::Failed(Errno::AGAIN.into()))
}

fn steps(folder: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Miss> {
    let mut at: Option<OwnedFd> = None;
    let mut segments = name.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let flags = if segments.peek().is_some() { FOLDER } else { FLAGS } | OFlags::NOFOLLOW;
        let next = rustix::fs::openat(at.as_ref().unwrap_or(folder), segment, flags, Mode::empty());
        at = Some(next.map_err(missed)?);
    }
    at.ok_or(Miss::Absent)
}

/// Returns the error for a caller, which is the same for a missing file and a forbidden one.
fn missed(errno: Errno) -> Miss {
    match errno {
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::LOOP
        | Errno::XDEV
        | Errno::ACCESS
        | Errno::PERM
        | Errno::NAMETOOLONG
        | Errno::NXIO
        | Errno::INVAL => Miss::Absent,
        other => Miss::Failed(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink, path::PathBuf};

    struct Tree(PathBuf);

    impl Tree {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("plimsoll-root-{}-{test}", std::process::id()));
            fs::create_dir_all(path.join("root/folder")).unwrap();
            fs::write(path.join("outside"), "outside").unwrap();
            fs::write(path.join("root/folder/file"), "inside").unwrap();
            symlink("folder/file", path.join("root/within")).unwrap();
            symlink("../outside", path.join("root/out")).unwrap();
            symlink("..", path.join("root/folder/up")).unwrap();
            symlink("../..", path.join("root/folder/out")).unwrap();
            Self(path)
        }

        fn root(&self) -> PathBuf {
            self.0.join("root")
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    /// "file", "folder", or nothing.
    fn found(root: &Root, name: &str) -> Option<&'static str> {
        match root.entry(name.as_bytes(), Effort::Full) {
            Ok(Entry::File(_)) => Some("file"),
            Ok(Entry::Folder) => Some("folder"),
            Err(Miss::Absent) => None,
            Err(miss) => panic!("{name}: {miss:?}"),
        }
    }

    #[test]
    fn both_ways_stay_below() {
        let tree = Tree::new("both");
        for root in [Root::open(&tree.root()).unwrap(), Root::open_for_steps(&tree.root()).unwrap()] {
            for (name, expected) in [
                ("", Some("folder")),
                ("folder", Some("folder")),
                ("folder/file", Some("file")),
                ("none", None),
                ("folder/file/below", None),
                ("out", None),
                ("folder/out/outside", None),
                ("folder/out/root/folder/file", None),
                ("a\0b", None),
            ] {
                assert_eq!(found(&root, name), expected, "{name} by {:?}", root.way);
            }
        }
    }

    #[test]
    fn step_by_step_no_link_is_followed() {
        let tree = Tree::new("steps");
        let root = Root::open_for_steps(&tree.root()).unwrap();
        assert_eq!((found(&root, "within"), found(&root, "folder/up/folder/file")), (None, None));
        assert!(matches!(root.entry(b"folder/file", Effort::Cached), Err(Miss::Cold)), "it may wait");
        #[cfg(target_os = "linux")]
        {
            let root = Root::open(&tree.root()).unwrap();
            assert_eq!(
                (found(&root, "within"), found(&root, "folder/up/folder/file")),
                (Some("file"), Some("file"))
            );
        }
    }

    #[test]
    fn a_root_is_a_folder() {
        let tree = Tree::new("root");
        assert!(Root::open(&tree.root().join("folder/file")).is_err());
        assert!(Root::open(&tree.root().join("none")).is_err());
    }
}
