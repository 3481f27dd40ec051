//! The one spelling of a path.

use super::{
    escape::{self, decoded, is_unreserved},
    rules::{Backslash, Controls, Dots, EncodedSlash, Parameters, PathRules, RepeatedSlash},
};
use std::borrow::Cow;

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// It does not begin with a slash.
    #[error("the path does not begin with a slash")]
    Relative,
    /// A `%` is not followed by two hex digits.
    #[error("a % in the path is not followed by two hex digits")]
    BrokenEscape,
    /// `..` leads above the root.
    #[error(".. in the path leads above the root")]
    AboveRoot,
    /// A dot segment, where these are refused.
    #[error("the path has a dot segment, which is refused here")]
    DotSegment,
    /// A dot segment with parameters, as `..;a`.
    #[error("the path has a dot segment with parameters")]
    DotSegmentWithParameters,
    /// `%2F`, where it is refused.
    #[error("the path has an encoded slash (%2F), which is refused here")]
    EncodedSlash,
    /// `//`, where it is refused.
    #[error("the path has an empty segment (//), which is refused here")]
    RepeatedSlash,
    /// `\` or `%5C`, where it is refused.
    #[error("the path has a backslash, which is refused here")]
    Backslash,
    /// `;` or `%3B`, where it is refused.
    #[error("the path has a semicolon, which is refused here")]
    Parameters,
    /// A control character, or overlong UTF-8, where these are refused.
    #[error("the path has a control character or overlong UTF-8, which is refused here")]
    Control,
}

impl PathFault {
    /// A short stable name, for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relative => "path-relative",
            Self::BrokenEscape => "path-broken-escape",
            Self::AboveRoot => "path-above-root",
            Self::DotSegment => "path-dot-segment",
            Self::DotSegmentWithParameters => "path-dot-segment-parameters",
            Self::EncodedSlash => "path-encoded-slash",
            Self::RepeatedSlash => "path-repeated-slash",
            Self::Backslash => "path-backslash",
            Self::Parameters => "path-parameters",
            Self::Control => "path-control",
        }
    }
}

/// Returns the one spelling of a path under these rules: dot segments are resolved, escapes of unreserved characters are
/// decoded, all other escapes are in capitals, and each spelling that the rules know is as they say.
///
/// Idempotent: a canonical path is its own canonical path. Borrowed where nothing changes, which takes one pass and no
/// allocation. The query is no part of it.
///
/// # Errors
/// [`PathFault`] says what is refused.
///
/// ```
/// use plimsoll_http::path::{PathFault, PathRules, canonical};
///
/// let rules = PathRules::default();
/// assert_eq!(canonical("/%61dmin//x/../y", rules).unwrap(), "/admin/y");
/// assert_eq!(canonical("/a%2fb", rules), Err(PathFault::EncodedSlash));
/// ```
pub fn canonical(path: &str, rules: PathRules) -> Result<Cow<'_, str>, PathFault> {
    if !path.starts_with('/') {
        return Err(PathFault::Relative);
    }
    if is_canonical(path.as_bytes(), rules) {
        return Ok(Cow::Borrowed(path));
    }
    rebuilt(path.as_bytes(), rules).map(Cow::Owned)
}

/// Bytes that are more than themselves somewhere.
static SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        special[byte] =
            byte <= b' ' as usize || byte >= 0x7F || matches!(byte as u8, b'/' | b'.' | b'%' | b'\\' | b';');
        byte += 1;
    }
    special
};

/// Whether there is nothing to change in the path, which begins with a slash, and nothing to refuse.
fn is_canonical(path: &[u8], rules: PathRules) -> bool {
    let (mut at, mut segment) = (1, 1);
    while let Some(&byte) = path.get(at) {
        if !SPECIAL[usize::from(byte)] {
            at += 1;
            continue;
        }
        match byte {
            b'/' => {
                if at == segment && rules.repeated_slash != RepeatedSlash::Pass {
                    return false;
                }
                segment = at + 1;
            }
            b'.' if at == segment && dots(&path[at..]).is_some() => return false,
            b'%' => {
                let Some(byte) = decoded(&path[at..]) else { return false };
                if !stays(byte, &path[at..], rules) {
                    return false;
                }
                at += escape::LENGTH;
                continue;
            }
            b';' if rules.parameters != Parameters::Pass => return false,
            b'.' | b';' => {}
            // Backslashes, and bytes that no path has.
            _ => return false,
        }
        at += 1;
    }
    true
}

/// Whether this escape stands as it is.
fn stays(byte: u8, bytes: &[u8], rules: PathRules) -> bool {
    let passes = match byte {
        b'/' => rules.encoded_slash == EncodedSlash::Pass,
        b'\\' => rules.backslash == Backslash::Pass,
        b';' => rules.parameters == Parameters::Pass,
        _ if is_unreserved(byte) => false,
        _ => rules.controls == Controls::Pass || !is_control(byte, bytes),
    };
    passes && escape::is_in_capitals(bytes)
}

fn is_control(byte: u8, bytes: &[u8]) -> bool {
    byte.is_ascii_control() || escape::is_overlong(byte, bytes)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Here,
    Up,
}

/// What kind of dot segment the decoded bytes begin with, if any; and whether it has parameters.
fn dots(bytes: &[u8]) -> Option<(Step, bool)> {
    let (step, rest) = match bytes {
        [b'.', b'.', rest @ ..] => (Step::Up, rest),
        [b'.', rest @ ..] => (Step::Here, rest),
        _ => return None,
    };
    match rest {
        [] | [b'/', ..] => Some((step, false)),
        [b';', ..] | [b'%', b'3', b'B', ..] => Some((step, true)),
        _ => None,
    }
}

/// A path under construction: always begins with a slash.
struct Rebuilt {
    clean: String,
    /// Where the segment that is being written begins.
    segment: usize,
    rules: PathRules,
}

impl Rebuilt {
    /// The segment is over. Whether a name stands there, behind which a slash may follow.
    fn end_segment(&mut self) -> Result<bool, PathFault> {
        let step = match dots(&self.clean.as_bytes()[self.segment..]) {
            None => return Ok(self.clean.len() > self.segment),
            Some((_, true)) => return Err(PathFault::DotSegmentWithParameters),
            Some(_) if self.rules.dots == Dots::Refuse => return Err(PathFault::DotSegment),
            Some((step, false)) => step,
        };
        if step == Step::Up {
            let parent =
                self.segment.checked_sub(1).filter(|slash| *slash > 0).ok_or(PathFault::AboveRoot)?;
            self.segment = self.clean[..parent].rfind('/').map_or(1, |slash| slash + 1);
        }
        self.clean.truncate(self.segment);
        Ok(false)
    }

    fn slash(&mut self) -> Result<(), PathFault> {
        let empty = self.clean.len() == self.segment;
        if self.end_segment()? || (empty && self.rules.repeated_slash == RepeatedSlash::Pass) {
            self.clean.push('/');
            self.segment = self.clean.len();
        } else if empty && self.rules.repeated_slash == RepeatedSlash::Refuse {
            return Err(PathFault::RepeatedSlash);
        }
        Ok(())
    }

    fn backslash(&mut self) -> Result<(), PathFault> {
        match self.rules.backslash {
            Backslash::Refuse => Err(PathFault::Backslash),
            Backslash::Slash => self.slash(),
            Backslash::Pass => {
                escape::put(&mut self.clean, b'\\');
                Ok(())
            }
        }
    }

    /// An escape that is not that of a semicolon.
    fn escape(&mut self, byte: u8, bytes: &[u8]) -> Result<(), PathFault> {
        match byte {
            b'/' => match self.rules.encoded_slash {
                EncodedSlash::Refuse => return Err(PathFault::EncodedSlash),
                EncodedSlash::Decode => return self.slash(),
                EncodedSlash::Pass => escape::put(&mut self.clean, byte),
            },
            b'\\' => return self.backslash(),
            _ if is_unreserved(byte) => self.clean.push(byte.into()),
            _ if self.rules.controls == Controls::Refuse && is_control(byte, bytes) => {
                return Err(PathFault::Control);
            }
            _ => escape::put(&mut self.clean, byte),
        }
        Ok(())
    }
}

/// Written once, into memory that is large enough: a segment is taken back by cutting it off.
fn rebuilt(path: &[u8], rules: PathRules) -> Result<String, PathFault> {
    let mut clean = String::with_capacity(path.len());
    clean.push('/');
    let mut rebuilt = Rebuilt { clean, segment: 1, rules };
    // The rest of the segment is a parameter that is cut off.
    let mut cut = false;
    let mut at = 1;
    while let Some(&raw) = path.get(at) {
        let rest = &path[at..];
        let escaped = raw == b'%';
        let byte = if escaped { decoded(rest).ok_or(PathFault::BrokenEscape)? } else { raw };
        at += if escaped { escape::LENGTH } else { 1 };
        let separates = match byte {
            b'/' => !escaped || rules.encoded_slash == EncodedSlash::Decode,
            b'\\' => rules.backslash == Backslash::Slash,
            _ => false,
        };
        if separates {
            cut = false;
            rebuilt.slash()?;
        } else if byte == b';' {
            match rules.parameters {
                Parameters::Refuse => return Err(PathFault::Parameters),
                Parameters::Strip => cut = true,
                Parameters::Pass if escaped => escape::put(&mut rebuilt.clean, byte),
                Parameters::Pass => rebuilt.clean.push(';'),
            }
        } else if cut {
            // What would be refused is refused there too: it may be more to whoever takes no parameters.
            let length = rebuilt.clean.len();
            if escaped || byte == b'\\' {
                rebuilt.escape(byte, rest)?;
            }
            rebuilt.clean.truncate(length);
        } else if escaped {
            rebuilt.escape(byte, rest)?;
        } else {
            match byte {
                b'\\' => rebuilt.backslash()?,
                0..=b' ' | 0x7F => return Err(PathFault::Control),
                // A byte of UTF-8 that came unescaped.
                0x80.. => escape::put(&mut rebuilt.clean, byte),
                _ => rebuilt.clean.push(byte.into()),
            }
        }
    }
    rebuilt.end_segment()?;
    Ok(rebuilt.clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_default_there_is_one_spelling_or_none() {
        let rules = PathRules::default();
        for (path, clean) in [
            ("/%61dmin", "/admin"),
            ("/admi%6E/x", "/admin/x"),
            ("//admin", "/admin"),
            ("/admin//", "/admin/"),
            ("/a//../admin", "/admin"),
            ("/a/%2e%2e//admin", "/admin"),
            ("/./admin/.", "/admin/"),
            ("/%2561dmin", "/%2561dmin"),
            ("/admin%20", "/admin%20"),
            ("/%c3%a9", "/%C3%A9"),
            ("/\u{e9}", "/%C3%A9"),
            ("/%e4%b8%ad", "/%E4%B8%AD"),
            ("/a%3Fb%23c", "/a%3Fb%23c"),
        ] {
            assert_eq!(canonical(path, rules).as_deref(), Ok(clean), "{path}");
        }
        for (path, fault) in [
            ("/admin%2fx", PathFault::EncodedSlash),
            ("/%2fadmin", PathFault::EncodedSlash),
            ("/x/..;/admin", PathFault::Parameters),
            ("/admin;a", PathFault::Parameters),
            ("/admin%3ba", PathFault::Parameters),
            ("/\\admin", PathFault::Backslash),
            ("/a/..%5cadmin", PathFault::Backslash),
            ("/admin%00", PathFault::Control),
            ("/admin%7f", PathFault::Control),
            ("/admin%0d%0a", PathFault::Control),
            ("/..%c0%af", PathFault::Control),
            ("/%e0%80%af", PathFault::Control),
            ("/%f0%80%80%af", PathFault::Control),
            ("/a/../../b", PathFault::AboveRoot),
            ("/%2", PathFault::BrokenEscape),
            ("*", PathFault::Relative),
        ] {
            assert_eq!(canonical(path, rules), Err(fault), "{path}");
        }
    }

    #[test]
    fn each_spelling_has_a_rule_of_its_own() {
        let default = PathRules::default();
        let decode = PathRules { encoded_slash: EncodedSlash::Decode, ..default };
        let keep = PathRules { encoded_slash: EncodedSlash::Pass, ..default };
        let strict = PathRules { repeated_slash: RepeatedSlash::Refuse, dots: Dots::Refuse, ..default };
        let empty = PathRules { repeated_slash: RepeatedSlash::Pass, ..default };
        let slash = PathRules { backslash: Backslash::Slash, ..default };
        let back = PathRules { backslash: Backslash::Pass, ..default };
        let strip = PathRules { parameters: Parameters::Strip, ..default };
        let with = PathRules { parameters: Parameters::Pass, ..default };
        let control = PathRules { controls: Controls::Pass, ..default };
        for (rules, path, clean) in [
            (decode, "/a%2fb%2F..%2fc", Ok("/a/c")),
            (decode, "/%2F%2fa", Ok("/a")),
            (keep, "/a%2fb", Ok("/a%2Fb")),
            (keep, "/a/..%2fb", Ok("/a/..%2Fb")),
            (strict, "/a//b", Err(PathFault::RepeatedSlash)),
            (strict, "/a/./b", Err(PathFault::DotSegment)),
            (strict, "/a/%2e%2E", Err(PathFault::DotSegment)),
            (empty, "/a//b", Ok("/a//b")),
            (empty, "//a", Ok("//a")),
            (empty, "/a//../b", Ok("/a/b")),
            (slash, "/a\\b%5c..%5Cc", Ok("/a/c")),
            (back, "/a\\b%5cc", Ok("/a%5Cb%5Cc")),
            (strip, "/admin;a=b/x;c", Ok("/admin/x")),
            (strip, "/x/..;a/admin", Ok("/admin")),
            (strip, "/admin%3Ba", Ok("/admin")),
            (strip, "/;/admin", Ok("/admin")),
            (strip, "/a;%2f", Err(PathFault::EncodedSlash)),
            (strip, "/a;%00", Err(PathFault::Control)),
            (with, "/a;b%3bc", Ok("/a;b%3Bc")),
            (with, "/x/..;a/admin", Err(PathFault::DotSegmentWithParameters)),
            (with, "/x/.;/admin", Err(PathFault::DotSegmentWithParameters)),
            (with, "/x/%2e%2e%3ba", Err(PathFault::DotSegmentWithParameters)),
            (control, "/a%00%c0%af", Ok("/a%00%C0%AF")),
        ] {
            assert_eq!(canonical(path, rules).as_deref().map_err(|fault| *fault), clean, "{path} {rules:?}");
        }
    }

    fn rules() -> impl Strategy<Value = PathRules> {
        let pick = |count: usize| 0..count;
        (pick(3), pick(3), pick(3), pick(3), pick(2), pick(2)).prop_map(|(a, b, c, d, e, f)| PathRules {
            encoded_slash: [EncodedSlash::Refuse, EncodedSlash::Decode, EncodedSlash::Pass][a],
            repeated_slash: [RepeatedSlash::Merge, RepeatedSlash::Refuse, RepeatedSlash::Pass][b],
            backslash: [Backslash::Refuse, Backslash::Slash, Backslash::Pass][c],
            parameters: [Parameters::Refuse, Parameters::Strip, Parameters::Pass][d],
            controls: [Controls::Refuse, Controls::Pass][e],
            dots: [Dots::Resolve, Dots::Refuse][f],
        })
    }

    const PIECES: &str =
        "(/|//|\\.|\\.\\.|;|%3b|%3B|%2f|%2F|%5c|\\\\|a|%61|%2e|%00|%c0%af|%25|%4|%|%C3%A9|b){0,9}";

    proptest! {
        #[test]
        fn a_canonical_path_is_its_own(path in PIECES, rules in rules()) {
            if let Ok(clean) = canonical(&format!("/{path}"), rules) {
                prop_assert!(matches!(canonical(&clean, rules), Ok(Cow::Borrowed(_))), "{clean}");
            }
        }

        #[test]
        fn nothing_ambiguous_is_left_by_default(path in PIECES) {
            if let Ok(clean) = canonical(&format!("/{path}"), PathRules::default()) {
                for gone in ["//", "/./", "/../", "\\", ";", "%2F", "%5C", "%3B", "%0", "%61", "%2E", "%C0"] {
                    prop_assert!(!clean.contains(gone), "{clean}");
                }
                prop_assert!(!clean.ends_with("/.") && !clean.ends_with("/.."), "{clean}");
            }
        }

        /// The quick look and the rebuilding never disagree.
        #[test]
        fn what_looks_canonical_is_rebuilt_to_itself(path in PIECES, rules in rules()) {
            let path = format!("/{path}");
            let rebuilt = rebuilt(path.as_bytes(), rules);
            prop_assert_eq!(is_canonical(path.as_bytes(), rules), rebuilt.as_deref() == Ok(&*path));
        }
    }
}
