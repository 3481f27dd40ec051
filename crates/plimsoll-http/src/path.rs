//! Paths made unambiguous before anything is decided by them.

use std::borrow::Cow;

/// A path that must not be served: its `..` segments lead above the root, or an escape in it is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the path leaves the root or has a broken escape")]
pub struct BadPath;

/// Removes dot segments ([RFC 3986, section 5.2.4](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4)), written out
/// or as `%2e`, so that a route, the peer and the log see the same path.
///
/// Everything else stays as it came: `%2F` is no slash, and `//` is no `/`. Borrowed where nothing changes, which takes
/// one pass and no allocation.
///
/// # Errors
/// [`BadPath`] where `..` leads above the root or a `%` is not followed by two hex digits.
///
/// ```
/// # use plimsoll_http::path::normalize;
/// # use std::borrow::Cow;
/// assert!(matches!(normalize("/a/b"), Ok(Cow::Borrowed("/a/b"))));
/// assert_eq!(normalize("/a/%2e%2E/b/./c").unwrap(), "/b/c");
/// assert!(normalize("/../etc/passwd").is_err());
/// ```
pub fn normalize(path: &str) -> Result<Cow<'_, str>, BadPath> {
    let bytes = path.as_bytes();
    if !escapes_are_whole(bytes) {
        return Err(BadPath);
    }
    let has_dots = path.split('/').any(|segment| dots(segment).is_some());
    if has_dots { without_dots(path).map(Cow::Owned) } else { Ok(Cow::Borrowed(path)) }
}

fn escapes_are_whole(bytes: &[u8]) -> bool {
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    memchr::memchr_iter(b'%', bytes).all(|at| hex(at + 1) && hex(at + 2))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    Here,
    Up,
}

/// What kind of dot segment it is, if any.
fn dots(segment: &str) -> Option<Dots> {
    // The longest spelling is "%2e%2e"; anything longer is a name.
    if segment.is_empty() || segment.len() > 6 || !matches!(segment.as_bytes()[0], b'.' | b'%') {
        return None;
    }
    let mut rest = segment;
    let mut count = 0;
    while !rest.is_empty() {
        let after = rest
            .strip_prefix('.')
            .or_else(|| rest.strip_prefix("%2e"))
            .or_else(|| rest.strip_prefix("%2E"))?;
        rest = after;
        count += 1;
    }
    match count {
        1 => Some(Dots::Here),
        2 => Some(Dots::Up),
        _ => None,
    }
}

/// Written once, into memory that is large enough: a segment is taken back by cutting it off.
fn without_dots(path: &str) -> Result<String, BadPath> {
    let mut clean = String::with_capacity(path.len() + 1);
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let Some(kind) = dots(segment) else {
            clean.push('/');
            clean.push_str(segment);
            continue;
        };
        if kind == Dots::Up {
            let last = clean.rfind('/').ok_or(BadPath)?;
            clean.truncate(last);
        }
        // "/a/." is the directory "/a/".
        if segments.peek().is_none() {
            clean.push('/');
        }
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dot_segments_go_however_they_are_spelt() {
        for (path, clean) in [
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/%2e/a", "/a"),
            ("/a/.%2E/b", "/b"),
            ("/..a/...", "/..a/..."),
            ("/a//b", "/a//b"),
            ("/a%2Fb", "/a%2Fb"),
            ("/", "/"),
        ] {
            assert_eq!(normalize(path).unwrap(), clean, "{path}");
        }
    }

    #[test]
    fn what_leaves_the_root_is_refused() {
        for path in ["/..", "/a/../..", "/%2e%2e/x", "/%", "/%2", "/%zz"] {
            assert_eq!(normalize(path), Err(BadPath), "{path}");
        }
    }

    proptest! {
        /// Against segments in a vector, joined at the end.
        #[test]
        fn cutting_off_is_taking_back(path in "(/(a|bc|\\.|\\.\\.|%2e){0,1}){1,6}") {
            let mut kept: Vec<&str> = Vec::new();
            let mut below = true;
            let segments: Vec<&str> = path[1..].split('/').collect();
            for (at, segment) in segments.iter().enumerate() {
                match *segment {
                    "." | "%2e" => {}
                    ".." => below &= kept.pop().is_some(),
                    name => {
                        kept.push(name);
                        continue;
                    }
                }
                if at + 1 == segments.len() {
                    kept.push("");
                }
            }
            let expected = below.then(|| format!("/{}", kept.join("/")));
            prop_assert_eq!(normalize(&path).ok().map(Cow::into_owned), expected);
        }

        #[test]
        fn a_clean_path_stays_clean(path in "(/([a-z.%2eE]|\\.\\.|%2e){0,4}){1,5}") {
            if let Ok(clean) = normalize(&path) {
                prop_assert!(clean.split('/').all(|segment| dots(segment).is_none()), "{clean}");
                prop_assert!(matches!(normalize(&clean), Ok(Cow::Borrowed(_))));
            }
        }
    }
}
