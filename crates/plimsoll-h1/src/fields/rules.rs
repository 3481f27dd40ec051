//! Rules for single fields that HTTP/2 shares.

use http::header::{self, HeaderMap, HeaderName};

/// Returns whether `byte` may be part of a token (RFC 9110, section 5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-'
        | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// Returns the size of a field list in bytes as HTTP/2 counts it: 32 more for each field (RFC 9113, section 6.5.2).
pub fn list_size(fields: &HeaderMap) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// Returns whether a value begins or ends with a blank. HTTP/1.1 strips them; in HTTP/2 such a field is malformed (RFC
/// 9113, section 8.2.1).
pub fn has_blank_end(value: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    blank(value.first()) || blank(value.last())
}

/// Returns whether a field frames, routes or authorises a message and therefore may not be a trailer (RFC 9110, section
/// 6.5.1).
pub fn may_not_trail(name: &HeaderName) -> bool {
    const FORBIDDEN: [HeaderName; 21] = [
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
        header::HOST,
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        header::MAX_FORWARDS,
        header::CACHE_CONTROL,
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::PROXY_AUTHENTICATE,
        header::WWW_AUTHENTICATE,
        header::COOKIE,
        header::SET_COOKIE,
        header::CONTENT_ENCODING,
        header::CONTENT_TYPE,
        header::CONTENT_RANGE,
        header::RANGE,
        header::LOCATION,
    ];
    FORBIDDEN.contains(name) || *name == "keep-alive" || *name == "proxy-connection"
}
