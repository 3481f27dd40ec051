//! The one spelling of a path.

use super::{
    escape::{self, decoded, is_unreserved},
    rules::{Backslash, Controls, Dots, EncodedSlash, Parameters, PathRules, RepeatedSlash},
};
use std::borrow::Cow;

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathRuleError {
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

impl PathRuleError {
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

/// Returns the one spelling of a path under these rules: dot segments are resolved, escapes of unreserved characters
/// are decoded, all other escapes are in capitals, and each spelling that the rules know is as they say.
///
/// Idempotent: a canonical path is its own canonical path. Borrowed where nothing changes, which takes one pass and no
/// allocation. The query is no part of it.
///
/// # Errors
/// [`PathRuleError`] says what is refused.
///
/// ```
/// use plimsoll_http::path::{PathRuleError, PathRules, canonical};
///
/// let rules = PathRules::default();
/// assert_eq!(canonical("/%61dmin//x/../y", rules).unwrap(), "/admin/y");
/// assert_eq!(canonical("/a%2fb", rules), Err(PathRuleError::EncodedSlash));
/// ```
pub fn canonical(path: &str, rules: PathRules) -> Result<Cow<'_, str>, PathRuleError> {
    if !path.starts_with('/') {
        return Err(PathRuleError::Relative);
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

/// Returns whether there is nothing to change in the path, which begins with a slash, and nothing to refuse.
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

/// Returns whether this escape stands as it is.
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

/// Returns the kind of dot segment that the decoded bytes begin with, if any, and whether it has parameters.
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
    fn end_segment(&mut self) -> Result<bool, PathRuleError> {
        let step = match dots(&self.clean.as_bytes()[self.segment..]) {
            None => return Ok(self.clean.len() > self.segment),
            Some((_, true)) => return Err(PathRuleError::DotSegmentWithParameters),
            Some(_) if self.rules.dots == Dots::Refuse => return Err(PathRuleError::DotSegment),
            Some((step, false)) => step,
        };
        if step == Step::Up {
            let parent =
                self.segment.checked_sub(1).filter(|slash| *slash > 0).ok_or(PathRuleError::AboveRoot)?;
            self.segment = self.clean[..parent].rfind('/').map_or(1, |slash| slash + 1);
        }
        self.clean.truncate(self.segment);
        Ok(false)
    }

    fn slash(&mut self) -> Result<(), PathRuleError> {
        let empty = self.clean.len() == self.segment;
        if self.end_segment()? || (empty && self.rules.repeated_slash == RepeatedSlash::Pass) {
            self.clean.push('/');
            self.segment = self.clean.len();
        } else if empty && self.rules.repeated_slash == RepeatedSlash::Refuse {
            return Err(PathRuleError::RepeatedSlash);
        }
        Ok(())
    }

    fn backslash(&mut self) -> Result<(), PathRuleError> {
        match self.rules.backslash {
            Backslash::Refuse => Err(PathRuleError::Backslash),
            Backslash::Slash => self.slash(),
            Backslash::Pass => {
                escape::put(&mut self.clean, b'\\');
                Ok(())
            }
        }
    }

    /// An escape that is not that of a semicolon.
    fn escape(&mut self, byte: u8, bytes: &[u8]) -> Result<(), PathRuleError> {
        match byte {
            b'/' => match self.rules.encoded_slash {
                EncodedSlash::Refuse => return Err(PathRuleError::EncodedSlash),
                EncodedSlash::Decode => return self.slash(),
                EncodedSlash::Pass => escape::put(&mut self.clean, byte),
            },
            b'\\' => return self.backslash(),
            _ if is_unreserved(byte) => self.clean.push(byte.into()),
            _ if self.rules.controls == Controls::Refuse && is_control(byte, bytes) => {
                return Err(PathRuleError::Control);
            }
            _ => escape::put(&mut self.clean, byte),
        }
        Ok(())
    }
}

/// Written once, into memory that is large enough: a segment is taken back by cutting it off.
fn rebuilt(path: &[u8], rules: PathRules) -> Result<String, PathRuleError> {
    let mut clean = String::with_capacity(path.len());
    clean.push('/');
    let mut rebuilt = Rebuilt { clean, segment: 1, rules };
    // The rest of the segment is a parameter that is cut off.
    let mut cut = false;
    let mut at = 1;
    while let Some(&raw) = path.get(at) {
        let rest = &path[at..];
        let escaped = raw == b'%';
        let byte = if escaped { decoded(rest).ok_or(PathRuleError::BrokenEscape)? } else { raw };
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
                Parameters::Refuse => return Err(PathRuleError::Parameters),
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
                0..=b' ' | 0x7F => return Err(PathRuleError::Control),
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
mod tests;
