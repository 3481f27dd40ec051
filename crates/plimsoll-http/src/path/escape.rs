//! Percent-encoded bytes ([RFC 3986, section 2.1](https://www.rfc-editor.org/rfc/rfc3986#section-2.1)).

/// Bytes of an escape.
pub(super) const LENGTH: usize = 3;

/// The byte that the escape at the front of `bytes` stands for; `None` where it is broken.
pub(super) fn decoded(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *bytes else { return None };
    Some(digit(high)? << 4 | digit(low)?)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Appends the escape of a byte, in capitals.
pub(super) fn put(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(DIGITS[usize::from(byte >> 4)].into());
    text.push(DIGITS[usize::from(byte & 15)].into());
}

/// Returns whether the escape at the front of `bytes` is written in capitals.
pub(super) fn is_in_capitals(bytes: &[u8]) -> bool {
    bytes[1..LENGTH].iter().all(|digit| !digit.is_ascii_lowercase())
}

/// Returns whether a byte needs no escape anywhere
/// ([section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Returns whether the escapes at the front of `bytes`, of which the first stands for `lead`, are an overlong form of
/// UTF-8: a lenient decoder makes a slash of `%C0%AF`.
pub(super) fn is_overlong(lead: u8, bytes: &[u8]) -> bool {
    let next = || bytes.get(LENGTH..).and_then(decoded);
    match lead {
        0xC0 | 0xC1 => next().is_some_and(|next| (0x80..=0xBF).contains(&next)),
        0xE0 => next().is_some_and(|next| (0x80..=0x9F).contains(&next)),
        0xF0 => next().is_some_and(|next| (0x80..=0x8F).contains(&next)),
        _ => false,
    }
}
