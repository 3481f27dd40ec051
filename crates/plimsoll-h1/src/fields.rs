//! Fields of a head: into a map without copying, and what the engine itself must know of them.

use crate::error::{RequestHeadError, ResponseHeadError};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// An error in a field of either kind of head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    Name,
    Value,
    LengthInvalid,
    LengthRepeated,
    TransferUnknown,
    TransferInvalid,
    TwoFramings,
    HostRepeated,
}

impl From<FieldError> for RequestHeadError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Name => Self::FieldName,
            FieldError::Value => Self::FieldValue,
            FieldError::LengthInvalid => Self::LengthInvalid,
            FieldError::LengthRepeated => Self::LengthRepeated,
            FieldError::TransferUnknown => Self::TransferUnknown,
            FieldError::TransferInvalid => Self::TransferInvalid,
            FieldError::TwoFramings => Self::TwoFramings,
            FieldError::HostRepeated => Self::HostRepeated,
        }
    }
}

impl From<FieldError> for ResponseHeadError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Name | FieldError::Value | FieldError::HostRepeated => Self::Field,
            _ => Self::Framing,
        }
    }
}

/// The facts that the fields state about message and connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldFacts {
    pub(crate) length: Option<u64>,
    pub(crate) chunked: bool,
    pub(crate) host: bool,
    pub(crate) upgrade: bool,
    pub(crate) expect: Expect,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
}

/// The value of `Expect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expect {
    #[default]
    Nothing,
    Continue,
    Unknown,
}

/// Moves `parsed`, whose slices lie within `head`, into a map with room for `room` more fields.
pub(crate) fn collect(
    head: &Bytes,
    parsed: &[httparse::Header<'_>],
    room: usize,
) -> Result<(HeaderMap, FieldFacts), FieldError> {
    let mut map = HeaderMap::with_capacity(parsed.len() + room);
    let mut seen = FieldFacts::default();
    let mut transfer = false;
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| FieldError::Name)?;
        // Lengths first: most fields need no further look.
        match field.name.len() {
            4 if name == header::HOST && std::mem::replace(&mut seen.host, true) => {
                return Err(FieldError::HostRepeated);
            }
            6 if name == header::EXPECT => {
                let known = field.value.eq_ignore_ascii_case(b"100-continue");
                seen.expect = match seen.expect {
                    Expect::Nothing | Expect::Continue if known => Expect::Continue,
                    _ => Expect::Unknown,
                };
            }
            7 if name == header::UPGRADE => seen.upgrade = true,
            10 if name == header::CONNECTION => connection(field.value, &mut seen),
            14 if name == header::CONTENT_LENGTH => {
                if seen.length.is_some() {
                    return Err(FieldError::LengthRepeated);
                }
                seen.length = Some(length(field.value)?);
            }
            17 if name == header::TRANSFER_ENCODING => {
                if std::mem::replace(&mut transfer, true) {
                    return Err(FieldError::TransferInvalid);
                }
                coding(field.value)?;
                seen.chunked = true;
            }
            _ => {}
        }
        let value =
            HeaderValue::from_maybe_shared(head.slice_ref(field.value)).map_err(|_| FieldError::Value)?;
        map.append(name, value);
    }
    if seen.length.is_some() && seen.chunked {
        return Err(FieldError::TwoFramings);
    }
    Ok((map, seen))
}

/// Parses a `Content-Length`: digits only.
fn length(value: &[u8]) -> Result<u64, FieldError> {
    if value.contains(&b',') {
        return Err(FieldError::LengthRepeated);
    }
    if value.is_empty() || value.len() > 20 {
        return Err(FieldError::LengthInvalid);
    }
    value.iter().try_fold(0_u64, |sum, byte| match byte {
        b'0'..=b'9' => sum
            .checked_mul(10)
            .and_then(|sum| sum.checked_add(u64::from(byte - b'0')))
            .ok_or(FieldError::LengthInvalid),
        _ => Err(FieldError::LengthInvalid),
    })
}

/// Checks a `Transfer-Encoding`: `chunked` once, and no other coding.
fn coding(value: &[u8]) -> Result<(), FieldError> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let mut others = false;
    for coding in value.split(|byte| *byte == b',') {
        let coding = coding.trim_ascii();
        if coding.is_empty() || !coding.iter().all(|byte| is_token(*byte)) {
            return Err(FieldError::TransferInvalid);
        }
        others |= !coding.eq_ignore_ascii_case(b"chunked");
    }
    Err(if others { FieldError::TransferUnknown } else { FieldError::TransferInvalid })
}

fn connection(value: &[u8], seen: &mut FieldFacts) {
    for option in value.split(|byte| *byte == b',') {
        let option = option.trim_ascii();
        if option.eq_ignore_ascii_case(b"close") {
            seen.close = true;
        } else if option.eq_ignore_ascii_case(b"keep-alive") {
            seen.keep_alive = true;
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(length(b"0"), Ok(0));
        assert_eq!(length(b"18446744073709551615"), Ok(u64::MAX));
        for bad in
            ["", "+1", "-1", "1 ", "0x1", "1.0", "18446744073709551616", "000000000000000000001", "1_0"]
        {
            assert_eq!(length(bad.as_bytes()), Err(FieldError::LengthInvalid), "{bad}");
        }
        assert_eq!(length(b"1, 1"), Err(FieldError::LengthRepeated));
    }

    #[test]
    fn codings() {
        assert_eq!(coding(b"chunked"), Ok(()));
        assert_eq!(coding(b"CHUNKED"), Ok(()));
        for unknown in ["gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunke"] {
            assert_eq!(coding(unknown.as_bytes()), Err(FieldError::TransferUnknown), "{unknown}");
        }
        for bad in ["", "chunked, chunked", "chunked;q=1", "chunked,", ",chunked", "\"chunked\"", "chun ked"]
        {
            assert_eq!(coding(bad.as_bytes()), Err(FieldError::TransferInvalid), "{bad}");
        }
    }

    #[test]
    fn connection_options() {
        let mut seen = FieldFacts::default();
        connection(b" foo ,\tClose", &mut seen);
        assert!(seen.close && !seen.keep_alive);
        let mut seen = FieldFacts::default();
        connection(b"Keep-Alive, closed", &mut seen);
        assert!(!seen.close && seen.keep_alive);
    }
}
