//! Fields of a head: into a map without copying, and what the engine itself must know of them.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::error::{Garbage, Refusal};

/// What is wrong with a field, before it is known whose head it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldFault {
    Name,
    Value,
    LengthInvalid,
    LengthRepeated,
    TransferUnknown,
    TransferInvalid,
    TwoFramings,
    HostRepeated,
}

impl From<FieldFault> for Refusal {
    fn from(fault: FieldFault) -> Self {
        match fault {
            FieldFault::Name => Self::FieldName,
            FieldFault::Value => Self::FieldValue,
            FieldFault::LengthInvalid => Self::LengthInvalid,
            FieldFault::LengthRepeated => Self::LengthRepeated,
            FieldFault::TransferUnknown => Self::TransferUnknown,
            FieldFault::TransferInvalid => Self::TransferInvalid,
            FieldFault::TwoFramings => Self::TwoFramings,
            FieldFault::HostRepeated => Self::HostRepeated,
        }
    }
}

impl From<FieldFault> for Garbage {
    fn from(fault: FieldFault) -> Self {
        match fault {
            FieldFault::Name | FieldFault::Value | FieldFault::HostRepeated => Self::Field,
            _ => Self::Framing,
        }
    }
}

/// What the fields say about the message and the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) length: Option<u64>,
    pub(crate) chunked: bool,
    pub(crate) host: bool,
    pub(crate) upgrade: bool,
    pub(crate) expect: Expect,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
}

/// What `Expect` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expect {
    #[default]
    Nothing,
    Continue,
    Unknown,
}

/// Moves `parsed`, whose slices lie within `head`, into a map.
///
/// `room` is how many more fields the map should take before it grows.
pub(crate) fn collect(
    head: &Bytes,
    parsed: &[httparse::Header<'_>],
    room: usize,
) -> Result<(HeaderMap, Seen), FieldFault> {
    let mut map = HeaderMap::with_capacity(parsed.len() + room);
    let mut seen = Seen::default();
    let mut transfer = false;
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| FieldFault::Name)?;
        // Lengths first: most fields need no further look.
        match field.name.len() {
            4 if name == header::HOST && std::mem::replace(&mut seen.host, true) => {
                return Err(FieldFault::HostRepeated);
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
                    return Err(FieldFault::LengthRepeated);
                }
                seen.length = Some(length(field.value)?);
            }
            17 if name == header::TRANSFER_ENCODING => {
                if std::mem::replace(&mut transfer, true) {
                    return Err(FieldFault::TransferInvalid);
                }
                coding(field.value)?;
                seen.chunked = true;
            }
            _ => {}
        }
        let value =
            HeaderValue::from_maybe_shared(head.slice_ref(field.value)).map_err(|_| FieldFault::Value)?;
        map.append(name, value);
    }
    if seen.length.is_some() && seen.chunked {
        return Err(FieldFault::TwoFramings);
    }
    Ok((map, seen))
}

/// A `Content-Length`: digits and nothing else.
fn length(value: &[u8]) -> Result<u64, FieldFault> {
    if value.contains(&b',') {
        return Err(FieldFault::LengthRepeated);
    }
    if value.is_empty() || value.len() > 20 {
        return Err(FieldFault::LengthInvalid);
    }
    value.iter().try_fold(0_u64, |sum, byte| match byte {
        b'0'..=b'9' => sum
            .checked_mul(10)
            .and_then(|sum| sum.checked_add(u64::from(byte - b'0')))
            .ok_or(FieldFault::LengthInvalid),
        _ => Err(FieldFault::LengthInvalid),
    })
}

/// A `Transfer-Encoding`: `chunked` once, and no other coding.
fn coding(value: &[u8]) -> Result<(), FieldFault> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let mut others = false;
    for coding in value.split(|byte| *byte == b',') {
        let coding = coding.trim_ascii();
        if coding.is_empty() || !coding.iter().all(|byte| is_token(*byte)) {
            return Err(FieldFault::TransferInvalid);
        }
        others |= !coding.eq_ignore_ascii_case(b"chunked");
    }
    Err(if others { FieldFault::TransferUnknown } else { FieldFault::TransferInvalid })
}

fn connection(value: &[u8], seen: &mut Seen) {
    for option in value.split(|byte| *byte == b',') {
        let option = option.trim_ascii();
        if option.eq_ignore_ascii_case(b"close") {
            seen.close = true;
        } else if option.eq_ignore_ascii_case(b"keep-alive") {
            seen.keep_alive = true;
        }
    }
}

/// Whether `byte` may stand in a token (RFC 9110, section 5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-'
        | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// The size of a list of fields as HTTP/2 counts it (RFC 9113, section 6.5.2).
pub fn list_size(fields: &HeaderMap) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// Whether a value has a blank at either end. HTTP/1.1 takes them off; in HTTP/2 they are malformed (RFC 9113, section
/// 8.2.1).
pub fn has_blank_end(value: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    blank(value.first()) || blank(value.last())
}

/// Fields that frame, route or authorise a message and therefore may not come after its body
/// (RFC 9110, section 6.5.1).
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
            assert_eq!(length(bad.as_bytes()), Err(FieldFault::LengthInvalid), "{bad}");
        }
        assert_eq!(length(b"1, 1"), Err(FieldFault::LengthRepeated));
    }

    #[test]
    fn codings() {
        assert_eq!(coding(b"chunked"), Ok(()));
        assert_eq!(coding(b"CHUNKED"), Ok(()));
        for unknown in ["gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunke"] {
            assert_eq!(coding(unknown.as_bytes()), Err(FieldFault::TransferUnknown), "{unknown}");
        }
        for bad in ["", "chunked, chunked", "chunked;q=1", "chunked,", ",chunked", "\"chunked\"", "chun ked"]
        {
            assert_eq!(coding(bad.as_bytes()), Err(FieldFault::TransferInvalid), "{bad}");
        }
    }

    #[test]
    fn connection_options() {
        let mut seen = Seen::default();
        connection(b" foo ,\tClose", &mut seen);
        assert!(seen.close && !seen.keep_alive);
        let mut seen = Seen::default();
        connection(b"Keep-Alive, closed", &mut seen);
        assert!(!seen.close && seen.keep_alive);
    }
}
