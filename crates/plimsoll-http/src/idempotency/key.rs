use super::IDEMPOTENCY_KEY;
use http::{HeaderMap, HeaderValue};
use std::fmt;

/// The value of an `Idempotency-Key`: 1 to 255 printable ASCII characters.
///
/// It is read from a structured field's string ([RFC 9651](https://www.rfc-editor.org/rfc/rfc9651), as the draft
/// requires: `"8e03978e-40d5"` with the quotes) or from a bare word (`8e03978e-40d5`), which many clients send; both
/// are the same key. Well-formed parameters after a string are ignored, as the draft defines none.
///
/// ```
/// # use plimsoll_http::idempotency::IdempotencyKey;
/// let key = IdempotencyKey::try_from("\"8e03978e-40d5\"").unwrap();
/// assert_eq!(key, IdempotencyKey::try_from("8e03978e-40d5").unwrap());
/// assert_eq!(key.as_str(), "8e03978e-40d5");
/// assert_eq!(key.to_string(), "\"8e03978e-40d5\"");
/// assert!(IdempotencyKey::try_from("\"unclosed").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IdempotencyKey(Box<str>);

/// The reason why a value is not a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdempotencyKeyError {
    /// It is empty.
    #[error("the key is empty")]
    Empty,
    /// It has more than [`IdempotencyKey::MOST`] characters.
    #[error("the key is longer than {} characters", IdempotencyKey::MOST)]
    TooLong,
    /// It is neither a structured field's string nor a bare word.
    #[error("the key is neither a quoted string nor a bare word of printable ASCII")]
    Malformed,
    /// There is more than one header.
    #[error("there is more than one key")]
    Several,
}

impl IdempotencyKey {
    /// The most characters of a key.
    pub const MOST: usize = 255;

    /// Returns the key of these headers, if there is one.
    ///
    /// # Errors
    /// [`IdempotencyKeyError`] if it is malformed or there are several.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, IdempotencyKeyError> {
        let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(IdempotencyKeyError::Several);
        }
        Self::try_from(value.to_str().map_err(|_| IdempotencyKeyError::Malformed)?).map(Some)
    }

    /// Returns the text between the quotes.
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for IdempotencyKey {
    type Error = IdempotencyKeyError;

    fn try_from(value: &str) -> Result<Self, IdempotencyKeyError> {
        // Twice as long if every character is escaped, and the quotes.
        if value.len() > 2 * Self::MOST + 2 {
            return Err(IdempotencyKeyError::TooLong);
        }
        let value = value.trim_matches([' ', '\t']);
        let key = match value.strip_prefix('"') {
            Some(rest) => unquoted(rest)?.into_boxed_str(),
            None if value.bytes().all(is_bare) => value.into(),
            None => return Err(IdempotencyKeyError::Malformed),
        };
        match key.len() {
            0 => Err(IdempotencyKeyError::Empty),
            1..=Self::MOST => Ok(Self(key)),
            _ => Err(IdempotencyKeyError::TooLong),
        }
    }
}

/// Returns whether a bare item can begin with this byte: no list, parameter or quote does.
const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b',' | b';')
}

fn unquoted(rest: &str) -> Result<String, IdempotencyKeyError> {
    let mut key = String::with_capacity(rest.len());
    let mut signs = rest.chars();
    loop {
        match signs.next() {
            Some('"') => break,
            Some('\\') => match signs.next() {
                Some(sign @ ('"' | '\\')) => key.push(sign),
                _ => return Err(IdempotencyKeyError::Malformed),
            },
            Some(sign @ ' '..='~') => key.push(sign),
            _ => return Err(IdempotencyKeyError::Malformed),
        }
    }
    if are_parameters(signs.as_str()) { Ok(key) } else { Err(IdempotencyKeyError::Malformed) }
}

/// Returns whether it is `*( ";" *SP key [ "=" bare-item ] )`. Items other than strings are checked by their characters
/// alone, since their values are not used.
fn are_parameters(mut rest: &str) -> bool {
    while !rest.is_empty() {
        let Some(parameter) = rest.strip_prefix(';') else { return false };
        let parameter = parameter.trim_start_matches(' ');
        let is_key = |sign: char| matches!(sign, 'a'..='z' | '0'..='9' | '_' | '-' | '.' | '*');
        if !parameter.starts_with(|sign: char| matches!(sign, 'a'..='z' | '*')) {
            return false;
        }
        let after = parameter.trim_start_matches(is_key);
        rest = match after.strip_prefix('=') {
            None => after,
            Some(value) => match after_item(value) {
                Some(after) => after,
                None => return false,
            },
        };
    }
    true
}

/// Returns the text after the bare item that `value` begins with.
fn after_item(value: &str) -> Option<&str> {
    if let Some(string) = value.strip_prefix('"') {
        let mut escaped = false;
        let end = string.find(|sign: char| {
            let ends = sign == '"' && !escaped;
            escaped = sign == '\\' && !escaped;
            ends
        })?;
        return string[..end].chars().all(|sign| matches!(sign, ' '..='~')).then(|| &string[end + 1..]);
    }
    let after = value
        .trim_start_matches(|sign: char| sign.is_ascii_graphic() && !matches!(sign, '"' | '\\' | ',' | ';'));
    (after.len() < value.len()).then_some(after)
}

/// Writes it as a structured field's string, as it is sent.
impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for sign in self.0.chars() {
            if matches!(sign, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{sign}")?;
        }
        f.write_str("\"")
    }
}

impl From<&IdempotencyKey> for HeaderValue {
    fn from(key: &IdempotencyKey) -> Self {
        // Printable ASCII alone is always a header's value.
        Self::try_from(key.to_string()).unwrap_or_else(|_| Self::from_static("\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_key() {
        for (value, why) in [
            ("", IdempotencyKeyError::Empty),
            ("\"\"", IdempotencyKeyError::Empty),
            ("  ", IdempotencyKeyError::Empty),
            ("a b", IdempotencyKeyError::Malformed),
            ("a,b", IdempotencyKeyError::Malformed),
            ("\"a\", \"b\"", IdempotencyKeyError::Malformed),
            ("\"a\" ;p=1", IdempotencyKeyError::Malformed),
            ("\"a\";", IdempotencyKeyError::Malformed),
            ("\"a\";P=1", IdempotencyKeyError::Malformed),
            ("\"a\";p=", IdempotencyKeyError::Malformed),
            ("\"a\";p=\"open", IdempotencyKeyError::Malformed),
            ("\"a\";p=1, \"b\"", IdempotencyKeyError::Malformed),
            ("a;p=1", IdempotencyKeyError::Malformed),
            ("\"a", IdempotencyKeyError::Malformed),
            ("\"a\\n\"", IdempotencyKeyError::Malformed),
            ("\"ä\"", IdempotencyKeyError::Malformed),
            ("ä", IdempotencyKeyError::Malformed),
            ("\"\t\"", IdempotencyKeyError::Malformed),
        ] {
            assert_eq!(IdempotencyKey::try_from(value), Err(why), "{value:?}");
        }
        let long = "k".repeat(IdempotencyKey::MOST);
        assert!(IdempotencyKey::try_from(long.as_str()).is_ok());
        assert_eq!(IdempotencyKey::try_from(format!("{long}k").as_str()), Err(IdempotencyKeyError::TooLong));
        assert_eq!(IdempotencyKey::try_from("k".repeat(10_000).as_str()), Err(IdempotencyKeyError::TooLong));
    }

    #[test]
    fn parameters_of_a_structured_string_mean_nothing() {
        for value in ["\"a\";p", "\"a\"; p=1;q", "\"a\";p=\"x;\\\"y\"", "\"a\";*p=?1;r=:aGk=:", " \"a\" "] {
            assert_eq!(IdempotencyKey::try_from(value).unwrap().as_str(), "a", "{value}");
        }
    }

    #[test]
    fn one_header_or_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(IdempotencyKey::of(&headers), Ok(None));
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(IdempotencyKey::of(&headers), Err(IdempotencyKeyError::Malformed));
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert!(IdempotencyKey::of(&headers).unwrap().is_some());
        headers.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert_eq!(IdempotencyKey::of(&headers), Err(IdempotencyKeyError::Several));
    }

    proptest! {
        #[test]
        fn a_key_survives_being_sent(text in "[ -~]{1,255}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let key = IdempotencyKey::try_from(quoted.as_str()).unwrap();
            prop_assert_eq!(key.as_str(), text.as_str());
            let sent = HeaderValue::from(&key);
            prop_assert_eq!(sent.to_str().unwrap(), quoted.as_str());
        }

        #[test]
        fn nothing_panics_and_what_is_taken_is_within_bounds(value in ".{0,600}") {
            if let Ok(key) = IdempotencyKey::try_from(value.as_str()) {
                prop_assert!((1..=IdempotencyKey::MOST).contains(&key.as_str().len()));
                prop_assert_eq!(IdempotencyKey::try_from(key.to_string().as_str()).unwrap(), key);
            }
        }
    }
}
