//! Paths made unambiguous before anything is decided by them.
//!
//! | file | what |
//! | --- | --- |
//! | `rules` | what is done with each spelling that two readers take differently |
//! | `canonical` | the one spelling of a path under these rules |
//! | `escape` | percent-encoded bytes |

mod canonical;
mod escape;
mod rules;

pub use canonical::{PathRuleError, canonical};
pub use rules::{Backslash, Controls, Dots, EncodedSlash, Parameters, PathRules, RepeatedSlash};

use std::borrow::Cow;

/// A path that must not be served: its `..` segments lead above the root, or an escape in it is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the path leaves the root or has a broken escape")]
pub struct PathError;

/// Removes dot segments ([RFC 3986, section 5.2.4](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4)), written out
/// or as `%2e`, decodes what needs no escape (`%61` is `a`) and writes all other escapes in capitals (`%2f` is `%2F`):
/// [section 6.2.2](https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2).
///
/// Everything else stays as it came: `%2F` is no slash, and `//` is no `/`. [`canonical`] with other [`PathRules`] says
/// what becomes of these too. Borrowed where nothing changes, which takes one pass and no allocation.
///
/// # Errors
/// [`PathError`] where `..` leads above the root, a `%` is not followed by two hex digits, or the path does not begin with
/// a slash.
///
/// ```
/// # use plimsoll_http::path::normalize;
/// # use std::borrow::Cow;
/// assert!(matches!(normalize("/a/b"), Ok(Cow::Borrowed("/a/b"))));
/// assert_eq!(normalize("/a/%2e%2E/b/./%63").unwrap(), "/b/c");
/// assert!(normalize("/../etc/passwd").is_err());
/// ```
pub fn normalize(path: &str) -> Result<Cow<'_, str>, PathError> {
    canonical(path, PathRules::PASS).map_err(|_| PathError)
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
            ("/a%2fb;c%5cd", "/a%2Fb;c%5Cd"),
            ("/%61%7E%2d%c3%a9%20", "/a~-%C3%A9%20"),
            ("/.well-known", "/.well-known"),
            ("/", "/"),
        ] {
            assert_eq!(normalize(path).unwrap(), clean, "{path}");
        }
    }

    #[test]
    fn what_leaves_the_root_is_refused() {
        for path in ["/..", "/a/../..", "/%2e%2e/x", "/%", "/%2", "/%zz", "", "a", "*"] {
            assert_eq!(normalize(path), Err(PathError), "{path}");
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
                prop_assert!(clean.split('/').all(|segment| !matches!(segment, "." | "..")), "{clean}");
                prop_assert!(matches!(normalize(&clean), Ok(Cow::Borrowed(_))));
            }
        }
    }
}
