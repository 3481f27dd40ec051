//! The head of an upstream's response, read as strictly as a request's wherever two readers could differ.

use crate::{
    error::ResponseHeadError,
    fields::{Fields, Index},
    framing::Framing,
    limits::{HeadLimits, MOST_FIELDS},
};
use bytes::BytesMut;
use http::{Method, Response, StatusCode, Version};
use std::mem::MaybeUninit;

/// A parsed response head and what it says about body and connection.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// HTTP/1.1 or HTTP/1.0.
    pub version: Version,
    /// The fields, within the bytes given to [`parse`](Self::parse).
    pub fields: Fields,
    /// The framing of the body.
    pub framing: Framing,
    /// Whether the upstream accepts another request on the connection.
    pub keep_alive: bool,
}

/// Fields that a proxy typically adds to a response.
const ROOM: usize = 4;

impl ResponseHead {
    /// Parses a whole head of a response to a `method` request, up to and with its empty line.
    ///
    /// `head.len()` is not checked against [`HeadLimits::bytes`]: the connection does that while it reads.
    ///
    /// # Errors
    /// If the head is malformed, ambiguous or beyond a limit.
    pub fn parse(head: BytesMut, method: &Method, limits: &HeadLimits) -> Result<Self, ResponseHeadError> {
        let mut slots = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MOST_FIELDS];
        let slots = &mut slots[..limits.fields.min(MOST_FIELDS)];
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut parsed, &head, slots) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(ResponseHeadError::TooManyFields),
            Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => {
                return Err(ResponseHeadError::Field);
            }
            Ok(_) | Err(_) => return Err(ResponseHeadError::StatusLine),
        }
        let (Some(code), Some(minor)) = (parsed.code, parsed.version) else {
            return Err(ResponseHeadError::StatusLine);
        };
        let status = match code {
            100..=599 => StatusCode::from_u16(code).map_err(|_| ResponseHeadError::StatusLine)?,
            _ => return Err(ResponseHeadError::StatusLine),
        };
        let index = Index::new(&head, parsed.headers);
        let (fields, facts, _) = index.attach(head);
        let seen = facts?;
        let modern = minor == 1;
        if seen.chunked && !modern {
            return Err(ResponseHeadError::Framing);
        }
        let framing = Framing::of_response(method, status, seen.length, seen.chunked);
        Ok(Self {
            status,
            version: if modern { Version::HTTP_11 } else { Version::HTTP_10 },
            fields,
            framing,
            keep_alive: !seen.close && (modern || seen.keep_alive) && framing != Framing::UntilClose,
        })
    }

    /// Returns the head as a response, its fields in a map.
    pub fn into_response(self) -> Response<()> {
        let mut response = Response::new(());
        *response.headers_mut() = self.fields.to_map(ROOM);
        *response.status_mut() = self.status;
        *response.version_mut() = self.version;
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<ResponseHead, ResponseHeadError> {
        ResponseHead::parse(BytesMut::from(head), &Method::GET, &HeadLimits::default())
    }

    #[test]
    fn good_responses() {
        let head = read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\n").unwrap();
        assert_eq!(head.framing, Framing::Length(3));
        assert!(head.keep_alive);
        assert_eq!(head.fields.get("a"), Some(&b"b"[..]));
        assert_eq!(read("HTTP/1.1 404 \r\n\r\n").unwrap().framing, Framing::UntilClose);
        assert_eq!(read("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").unwrap().framing, Framing::None);
        assert!(!read("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n").unwrap().keep_alive);
        assert!(!read("HTTP/1.1 200 OK\r\n\r\n").unwrap().keep_alive);
    }

    #[test]
    fn malformed_responses() {
        for (head, error) in [
            ("HTTP/1.1 99 x\r\n\r\n", ResponseHeadError::StatusLine),
            ("HTTP/1.1 600 x\r\n\r\n", ResponseHeadError::StatusLine),
            ("HTTP/1.1 2000 x\r\n\r\n", ResponseHeadError::StatusLine),
            ("HTTP/2.0 200 OK\r\n\r\n", ResponseHeadError::StatusLine),
            ("HTTP/1.1  200 OK\r\n\r\n", ResponseHeadError::StatusLine),
            ("ICY 200 OK\r\n\r\n", ResponseHeadError::StatusLine),
            ("HTTP/1.1 200 O\rK\r\n\r\n", ResponseHeadError::StatusLine),
            ("HTTP/1.1 200 OK\r\n a: b\r\n\r\n", ResponseHeadError::Field),
            ("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", ResponseHeadError::Field),
            ("HTTP/1.1 200 OK\r\na : b\r\n\r\n", ResponseHeadError::Field),
            ("HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n", ResponseHeadError::Field),
            ("HTTP/1.1 200 OK\r\na: \0\r\n\r\n", ResponseHeadError::Field),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                ResponseHeadError::Framing,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", ResponseHeadError::Framing),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ResponseHeadError::Framing),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ResponseHeadError::Framing),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ResponseHeadError::Framing),
        ] {
            assert_eq!(read(head).map(drop), Err(error), "{head}");
        }
    }
}
