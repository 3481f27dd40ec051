use crate::path::normalize;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The name below the root of a request's path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// Relative, without a slash at either end; empty for the root itself.
    pub(super) bytes: Cow<'a, [u8]>,
    /// The path ended with a slash.
    pub(super) is_folder: bool,
}

/// The reason why a path names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// Its escapes are malformed, or it leads above the root.
    Malformed,
    /// It is well-formed, but such a name is never served.
    Refused,
}

/// Parses a request's path. Borrowed if it has no escapes.
///
/// A decoded slash, a backslash or a control character in a name is refused: another program on the way may have interpreted
/// it differently.
pub(super) fn read(path: &str, hidden: bool) -> Result<Name<'_>, Unnamed> {
    let clean = normalize(path).map_err(|_| Unnamed::Malformed)?;
    match clean {
        Cow::Borrowed(clean) => name(clean, hidden),
        Cow::Owned(clean) => {
            let Name { bytes, is_folder } = name(&clean, hidden)?;
            Ok(Name { bytes: Cow::Owned(bytes.into_owned()), is_folder })
        }
    }
}

fn name(path: &str, hidden: bool) -> Result<Name<'_>, Unnamed> {
    let rest = path.strip_prefix('/').ok_or(Unnamed::Malformed)?;
    if rest.is_empty() {
        return Ok(Name { bytes: Cow::Borrowed(b""), is_folder: true });
    }
    let (rest, is_folder) = rest.strip_suffix('/').map_or((rest, false), |rest| (rest, true));
    let slashes = memchr::memchr_iter(b'/', rest.as_bytes()).count();
    let bytes: Cow<'_, [u8]> = percent_decode_str(rest).into();
    if check(&bytes, hidden)? != slashes + 1 {
        return Err(Unnamed::Refused);
    }
    Ok(Name { bytes, is_folder })
}

/// Checks a name as on the disk, and counts its segments.
pub(super) fn check(name: &[u8], hidden: bool) -> Result<usize, Unnamed> {
    let refused = |byte: &u8| byte.is_ascii_control() || *byte == b'\\';
    if name.iter().any(refused) {
        return Err(Unnamed::Refused);
    }
    let mut segments = 0;
    for segment in name.split(|byte| *byte == b'/') {
        let dotted = segment.first() == Some(&b'.');
        // RFC 8615 makes this one name public.
        let known = segments == 0 && segment == b".well-known";
        let steps = matches!(segment, b"." | b"..");
        if segment.is_empty() || steps || (dotted && !hidden && !known) {
            return Err(Unnamed::Refused);
        }
        segments += 1;
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_below_the_root() {
        for (path, bytes, is_folder) in [
            ("/", "", true),
            ("/a", "a", false),
            ("/a/b.txt", "a/b.txt", false),
            ("/a/", "a", true),
            ("/a%20b", "a b", false),
            ("/a/../b", "b", false),
            ("/%e4%b8%ad", "中", false),
            ("/.well-known/security.txt", ".well-known/security.txt", false),
            ("/a..b", "a..b", false),
            ("/100%25", "100%", false),
        ] {
            let name = read(path, false).unwrap();
            assert_eq!((&*name.bytes, name.is_folder), (bytes.as_bytes(), is_folder), "{path}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        for path in ["/..", "/../etc/passwd", "/%2e%2e/etc/passwd", "/a/../../b", "/%", "/%zz", "a", "*", ""]
        {
            assert_eq!(read(path, true), Err(Unnamed::Malformed), "{path}");
        }
        for path in [
            "//etc/passwd",
            "/a//b",
            "/a%2fb",
            "/..%2fetc%2fpasswd",
            "/%2fetc/passwd",
            "/a%00.txt",
            "/a%0ab",
            "/..%5c..%5cwindows",
            "/a\\b",
            "/%2e%2e%2f%2e%2e%2fetc",
            "/a/%2e%2e%5cb",
        ] {
            assert_eq!(read(path, true), Err(Unnamed::Refused), "{path}");
        }
    }

    #[test]
    fn hidden_names_are_opted_into() {
        for path in ["/.git/config", "/a/.env", "/.htpasswd", "/a/.well-known/x", "/%2egit/config"] {
            assert_eq!(read(path, false), Err(Unnamed::Refused), "{path}");
            assert!(read(path, true).is_ok(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_name_steps_out(path in "/([a-z./\\\\%]|%2[eEfF0]|%5c|%00|%25){0,12}") {
            if let Ok(name) = read(&path, true) {
                let text = String::from_utf8_lossy(&name.bytes).into_owned();
                prop_assert!(!text.starts_with('/') && !text.contains('\0') && !text.contains('\\'));
                prop_assert!(name.bytes.is_empty() || text.split('/').all(|each| !matches!(each, "" | "." | "..")));
            }
        }
    }
}
