//! A request's head, read strictly.
//!
//! A head that two readers could take differently is refused here, so that no reader behind the proxy has to guess. The
//! parser is `httparse`; this module checks beside it what `httparse` tolerates (bare line feeds, leading empty lines,
//! bytes above ASCII in a target).

use crate::{
    error::RequestHeadError,
    fields::{self, Expect, Fields, Index},
    framing::Framing,
    limits::{HeadLimits, MOST_FIELDS},
    target,
};
use bytes::BytesMut;
use http::{Method, Request, Uri, Version};
use std::mem::MaybeUninit;

/// A parsed request head and what it says about body and connection.
#[derive(Debug)]
pub struct RequestHead {
    /// The method; never `CONNECT`.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// HTTP/1.1 or HTTP/1.0.
    pub version: Version,
    /// The fields, within the bytes given to [`parse`](Self::parse).
    pub fields: Fields,
    /// The framing of the body; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Whether the client may send another request on the connection.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Whether the client offers to switch protocols (`Upgrade`).
    pub upgrade: bool,
}

/// Fields that a proxy typically adds to a request; room for them spares the map from growing.
const ROOM: usize = 6;

impl RequestHead {
    /// Parses a whole head: from the first byte of the request line up to and with the empty line.
    ///
    /// `head.len()` is not checked against [`HeadLimits::bytes`]: the connection does that while it reads.
    ///
    /// # Errors
    /// If the head is malformed, ambiguous or beyond a limit.
    pub fn parse(head: BytesMut, limits: &HeadLimits) -> Result<Self, RequestHeadError> {
        let mut slots = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MOST_FIELDS];
        let slots = &mut slots[..limits.fields.min(MOST_FIELDS)];
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(&head, slots) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(RequestHeadError::RequestLine),
            Err(error) => return Err(classify(error, &head)),
        }
        let (Some(method), Some(path), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(RequestHeadError::RequestLine);
        };
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| RequestHeadError::RequestLine)?;
        if method == Method::CONNECT {
            return Err(RequestHeadError::ConnectUnsupported);
        }
        if path.len() > limits.target {
            return Err(RequestHeadError::TargetTooLong);
        }
        let target = fields::range_of(&head, path.as_bytes());
        let index = Index::new(&head, parsed.headers);
        let (fields, facts, head) = index.attach(head);
        // What is wrong first in the head is reported first.
        let uri = target::parse(head.slice(target), &method)?;
        let seen = facts?;

        let modern = minor == 1;
        if seen.chunked && !modern {
            return Err(RequestHeadError::TransferInvalid);
        }
        match fields.get("host") {
            Some(host) => target::check_host(host, &uri)?,
            None if modern => return Err(RequestHeadError::HostMissing),
            None => {}
        }
        if modern && seen.expect == Expect::Unknown {
            return Err(RequestHeadError::ExpectationUnknown);
        }

        let framing = Framing::of_request(seen.length, seen.chunked);
        Ok(Self {
            method,
            uri,
            version: if modern { Version::HTTP_11 } else { Version::HTTP_10 },
            fields,
            framing,
            keep_alive: !seen.close && (modern || seen.keep_alive),
            expects_continue: modern && seen.expect == Expect::Continue && framing != Framing::None,
            upgrade: modern && seen.upgrade,
        })
    }

    /// Returns the head as a request, its fields in a map.
    pub fn into_request(self) -> Request<()> {
        let mut request = Request::new(());
        *request.headers_mut() = self.fields.to_map(ROOM);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        request
    }
}

#[cold]
fn classify(error: httparse::Error, head: &[u8]) -> RequestHeadError {
    match error {
        httparse::Error::TooManyHeaders => RequestHeadError::TooManyFields,
        httparse::Error::Version => version_error(head),
        _ if has_bare_return(head) => RequestHeadError::BareCarriageReturn,
        httparse::Error::HeaderName if is_folded(head) => RequestHeadError::FoldedField,
        httparse::Error::HeaderName => RequestHeadError::FieldName,
        httparse::Error::HeaderValue => RequestHeadError::FieldValue,
        _ => RequestHeadError::RequestLine,
    }
}

/// Returns whether a carriage return stands anywhere but before a line feed.
pub(crate) fn has_bare_return(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', head).any(|at| head.get(at + 1) != Some(&b'\n'))
}

fn is_folded(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|at| matches!(head.get(at + 1), Some(b' ' | b'\t')))
}

/// Tells a well-formed version that is not supported from a malformed request line.
fn version_error(head: &[u8]) -> RequestHeadError {
    let line = &head[..memchr::memchr(b'\r', head).unwrap_or(head.len())];
    let mut words = line.split(|byte| *byte == b' ');
    let last = words.by_ref().nth(2).filter(|_| words.next().is_none());
    match last {
        Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            RequestHeadError::Version
        }
        Some(word) if !word.is_empty() && !word.contains(&b'/') => RequestHeadError::NotHttp,
        _ => RequestHeadError::RequestLine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<RequestHead, RequestHeadError> {
        RequestHead::parse(BytesMut::from(head), &HeadLimits::default())
    }

    #[test]
    fn a_plain_request() {
        let head = read("GET /a?b HTTP/1.1\r\nHost: x\r\nX-Y:  z \r\n\r\n").unwrap();
        assert_eq!(head.uri, "/a?b");
        assert_eq!(head.fields.get("x-y"), Some(&b"z"[..]));
        assert_eq!(head.framing, Framing::None);
        assert!(head.keep_alive && !head.expects_continue && !head.upgrade);
    }

    #[test]
    fn persistence_by_version_and_option() {
        for (head, kept) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: a, CLOSE\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ] {
            assert_eq!(read(head).unwrap().keep_alive, kept, "{head}");
        }
    }

    #[test]
    fn continuation_is_only_expected_with_a_body() {
        let with = |rest: &str| {
            read(&format!("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n{rest}\r\n"))
                .unwrap()
                .expects_continue
        };
        assert!(with("Content-Length: 1\r\n"));
        assert!(with("Transfer-Encoding: chunked\r\n"));
        assert!(!with("Content-Length: 0\r\n"));
        assert!(!with(""));
    }

    #[test]
    fn the_limits_are_inclusive() {
        let limits = HeadLimits { fields: 2, target: 4, ..HeadLimits::default() };
        let read = |head: &str| RequestHead::parse(BytesMut::from(head), &limits).map(drop);
        assert_eq!(read("GET /abc HTTP/1.1\r\nHost: x\r\na: b\r\n\r\n"), Ok(()));
        assert_eq!(read("GET /abcd HTTP/1.1\r\nHost: x\r\n\r\n"), Err(RequestHeadError::TargetTooLong));
        assert_eq!(
            read("GET / HTTP/1.1\r\nHost: x\r\na: b\r\na: b\r\n\r\n"),
            Err(RequestHeadError::TooManyFields)
        );
    }

    #[test]
    fn values_are_not_copied() {
        let bytes = BytesMut::from("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        let range = bytes.as_ptr_range();
        let head = RequestHead::parse(bytes, &HeadLimits::default()).unwrap();
        assert!(range.contains(&head.fields.get("host").unwrap().as_ptr()));
        assert!(range.contains(&head.into_request().headers()["host"].as_bytes().as_ptr()));
    }
}
