//! Encoding of heads into bytes, in one pass.
//!
//! The engine owns the framing and the connection options: `Content-Length`, `Transfer-Encoding`, `Connection`,
//! `Keep-Alive` and `Proxy-Connection` are written as the body and the connection require; those given are ignored.

use crate::fields::{self, FieldsRef, is_ours, put_field};
use bytes::{BufMut as _, BytesMut};
use http::{
    Method, StatusCode,
    header::{HeaderMap, HeaderName},
};
use std::fmt;

/// The framing that a head announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announce {
    Nothing,
    Length(u64),
    Chunked,
}

/// A writer of fields into a head that is being encoded.
///
/// A proxy adds some fields to every message; this writes them into the connection's buffer without a map.
#[derive(Debug)]
pub struct FieldWriter<'a> {
    out: &'a mut BytesMut,
}

impl FieldWriter<'_> {
    /// Writes one field and returns whether it was written.
    ///
    /// A value with a control byte is not written, nor a field that the engine owns (framing, `Connection`).
    pub fn field(&mut self, name: &HeaderName, value: &[u8]) -> bool {
        let fits = !is_ours(name.as_str().as_bytes()) && is_field_value(value);
        if fits {
            put_field(self.out, name.as_str().as_bytes(), value);
        }
        fits
    }

    /// Writes fields that have been encoded before.
    pub fn encoded(&mut self, fields: &EncodedFields) {
        self.out.extend_from_slice(&fields.0);
    }
}

/// Fields that are encoded once and written into many heads.
pub struct EncodedFields(Box<[u8]>);

impl EncodedFields {
    /// Encodes the fields that `write` writes.
    pub fn new(write: impl FnOnce(&mut FieldWriter<'_>)) -> Self {
        let mut out = BytesMut::new();
        write(&mut FieldWriter { out: &mut out });
        Self(out[..].into())
    }
}

/// Its length alone: a value may be a secret.
impl fmt::Debug for EncodedFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedFields({} bytes)", self.0.len())
    }
}

/// Returns whether `value` may be a field's: no control byte but the tab is in it.
///
/// Whole blocks without an early exit are vectorised; the last block overlaps the one before, so that no loop over single
/// bytes is left.
fn is_field_value(value: &[u8]) -> bool {
    const BLOCK: usize = 16;
    let plain = |byte: u8| (byte >= b' ' && byte != 0x7f) || byte == b'\t';
    let block = |bytes: &[u8; BLOCK]| bytes.iter().fold(true, |fits, byte| fits & plain(*byte));
    let Some(last) = value.last_chunk::<BLOCK>() else {
        return value.iter().all(|byte| plain(*byte));
    };
    let (blocks, _) = value.as_chunks::<BLOCK>();
    blocks.iter().fold(block(last), |fits, bytes| fits & block(bytes))
}

/// Writes a request's head; `target` and `method` are written as they are.
pub(crate) fn request(
    out: &mut BytesMut,
    method: &Method,
    target: &str,
    headers: FieldsRef<'_>,
    announce: Announce,
    extra: &dyn Fn(&mut FieldWriter<'_>),
) {
    out.reserve(256);
    out.put_slice(method.as_str().as_bytes());
    out.put_slice(b" ");
    out.put_slice(target.as_bytes());
    out.put_slice(b" HTTP/1.1\r\n");
    let written = fields::write(out, headers);
    if !written.host {
        // RFC 9112, section 3.2: a target without an authority goes with an empty Host.
        out.put_slice(b"host: \r\n");
    }
    match (written.upgrade, written.te) {
        (false, false) => {}
        (true, false) => out.put_slice(b"connection: upgrade\r\n"),
        (false, true) => out.put_slice(b"connection: te\r\n"),
        (true, true) => out.put_slice(b"connection: upgrade, te\r\n"),
    }
    finish(out, announce, extra);
}

/// The `Connection` field of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// None: the default of HTTP/1.1.
    Silent,
    /// `keep-alive`, for HTTP/1.0.
    KeepAlive,
    Close,
    Upgrade,
}

/// Writes a response's head.
pub(crate) fn response(
    out: &mut BytesMut,
    status: StatusCode,
    headers: FieldsRef<'_>,
    announce: Announce,
    persistence: Persistence,
    extra: &dyn Fn(&mut FieldWriter<'_>),
) {
    out.reserve(256);
    put_status(out, status);
    let written = fields::write(out, headers);
    if !written.date {
        crate::date::with_now(|date| put_field(out, b"date", date));
    }
    match persistence {
        Persistence::Silent => {}
        Persistence::KeepAlive => out.put_slice(b"connection: keep-alive\r\n"),
        Persistence::Close => out.put_slice(b"connection: close\r\n"),
        Persistence::Upgrade => out.put_slice(b"connection: upgrade\r\n"),
    }
    finish(out, announce, extra);
}

/// Writes an interim response's head: one of 100 to 199.
pub(crate) fn interim(out: &mut BytesMut, status: StatusCode, headers: &HeaderMap) {
    put_status(out, status);
    fields::write(out, headers.into());
    out.put_slice(b"\r\n");
}

/// Writes trailer fields and the empty line after them.
pub(crate) fn trailers(out: &mut BytesMut, trailers: &HeaderMap) {
    for (name, value) in trailers {
        if !fields::may_not_trail(name) {
            put_field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    out.put_slice(b"\r\n");
}

fn finish(out: &mut BytesMut, announce: Announce, extra: &dyn Fn(&mut FieldWriter<'_>)) {
    extra(&mut FieldWriter { out });
    match announce {
        Announce::Nothing => {}
        Announce::Length(length) => {
            put_field(out, b"content-length", itoa::Buffer::new().format(length).as_bytes());
        }
        Announce::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.put_slice(b"\r\n");
}

fn put_status(out: &mut BytesMut, status: StatusCode) {
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(status.as_str().as_bytes());
    out.put_slice(b" ");
    out.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    #[test]
    fn a_control_byte_is_found_wherever_it_stands() {
        for length in 0..50_usize {
            let mut value = vec![b'a'; length];
            assert!(is_field_value(&value));
            for at in 0..length {
                for (byte, fits) in [(b'\t', true), (b' ', true), (0x80, true), (0xff, true), (b'~', true)]
                    .into_iter()
                    .chain([b'\r', b'\n', 0, 0x1f, 0x7f].map(|byte| (byte, false)))
                {
                    value[at] = byte;
                    assert_eq!(is_field_value(&value), fits, "{byte} at {at} of {length}");
                }
                value[at] = b'a';
            }
        }
    }

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_request() {
        let mut out = BytesMut::new();
        let headers = map(&[
            ("host", "a"),
            ("connection", "close"),
            ("content-length", "7"),
            ("transfer-encoding", "gzip"),
            ("keep-alive", "x"),
            ("te", "trailers"),
        ]);
        let before = EncodedFields::new(|fields| {
            assert!(fields.field(&header::FORWARDED, b"for=a"));
            assert!(!fields.field(&header::CONNECTION, b"close"));
        });
        let extra = |fields: &mut FieldWriter<'_>| {
            fields.encoded(&before);
            assert!(fields.field(&header::VIA, b"1.1 x"));
            assert!(!fields.field(&header::VIA, b"1.1 x\r\nevil: 1"));
            assert!(!fields.field(&header::CONTENT_LENGTH, b"1"));
        };
        request(&mut out, &Method::POST, "/x?y", (&headers).into(), Announce::Length(3), &extra);
        let expected = "POST /x?y HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\nforwarded: for=a\r\n\
                        via: 1.1 x\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
    }

    #[test]
    fn a_response() {
        let mut out = BytesMut::new();
        let headers = map(&[("date", "now"), ("proxy-connection", "x"), ("a", "b")]);
        let persistence = Persistence::Close;
        response(&mut out, StatusCode::NOT_FOUND, (&headers).into(), Announce::Chunked, persistence, &|_| {});
        let expected = "HTTP/1.1 404 Not Found\r\ndate: now\r\na: b\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
    }

    #[test]
    fn a_date_is_added_and_an_unknown_status_has_no_reason() {
        let mut out = BytesMut::new();
        let status = StatusCode::from_u16(599).unwrap();
        response(
            &mut out,
            status,
            (&HeaderMap::new()).into(),
            Announce::Nothing,
            Persistence::Silent,
            &|_| {},
        );
        let text = std::str::from_utf8(&out).unwrap();
        assert!(text.starts_with("HTTP/1.1 599 \r\ndate: "), "{text}");
        assert!(text.ends_with(" GMT\r\n\r\n"), "{text}");
    }
}
