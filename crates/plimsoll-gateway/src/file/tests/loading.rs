use super::EXAMPLE;
use crate::file::{LoadError, MOST_BYTES, load};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// A directory of its own, gone with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plimsoll-file-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.join("gateway.toml");
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unreadable(path: &Path) -> (ErrorKind, String) {
    let error = load(path, &|_| None).unwrap_err();
    let told = error.to_string();
    match error {
        LoadError::Unreadable { source, .. } => (source.kind(), told),
        LoadError::Invalid(invalid) => panic!("{invalid}"),
    }
}

fn invalid(path: &Path) -> String {
    match load(path, &|_| None).unwrap_err() {
        LoadError::Invalid(invalid) => format!("{invalid}\n{}", invalid.render()),
        error @ LoadError::Unreadable { .. } => panic!("{error}"),
    }
}

#[test]
fn a_file_is_read() {
    let scratch = Scratch::new("whole");
    let path = scratch.file(EXAMPLE.as_bytes());
    assert_eq!(load(&path, &|_| None).unwrap().spec, super::read(EXAMPLE).unwrap().spec);
    // As some editors leave it.
    let path = scratch.file(format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n")).as_bytes());
    assert_eq!(load(&path, &|_| None).unwrap().spec, super::read(EXAMPLE).unwrap().spec);
}

#[test]
fn what_cannot_be_read_is_told_with_its_path() {
    let scratch = Scratch::new("unreadable");
    let missing = scratch.0.join("none.toml");
    let (kind, told) = unreadable(&missing);
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(told.starts_with(&format!("cannot read {}: ", missing.display())), "{told}");
    assert_eq!(unreadable(&scratch.0).0, ErrorKind::IsADirectory);
    let long = scratch.0.join("long.toml");
    fs::File::create(&long).unwrap().set_len(MOST_BYTES + 1).unwrap();
    assert_eq!(unreadable(&long).0, ErrorKind::FileTooLarge);
}

#[test]
fn a_file_that_is_no_text_is_told_where() {
    let scratch = Scratch::new("bytes");
    let path = scratch.file(b"version = 1\n# caf\xe9\n");
    let name = path.display();
    let expected = format!(
        "{name}:2:6: found the byte 0xe9, which is no text, expected a file in UTF-8\n\
         error: found the byte 0xe9, which is no text\n --> {name}:2:6\n  |\n2 | # caf\u{fffd}\n  |      ^\n  = expected a file in UTF-8\n"
    );
    assert_eq!(invalid(&path), expected);
    assert!(invalid(&scratch.file(b"")).starts_with(&format!("{name}:1:1: missing key \"version\"")));
    assert!(invalid(&scratch.file(b"\0\0\0")).starts_with(&format!("{name}:1:")));
}
