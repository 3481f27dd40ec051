//! An upstream's answer's head, read as strictly as a request's wherever two readers could differ.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{Method, Response, StatusCode, Version};

use crate::error::Garbage;
use crate::fields;
use crate::framing::Framing;
use crate::limits::{HeadLimits, MOST_FIELDS};

/// A parsed answer head and what it says about body and connection.
#[derive(Debug)]
pub struct ResponseHead {
    /// Status, version and fields; the values are slices of the bytes given to [`parse`].
    pub response: Response<()>,
    /// How the body's end is known.
    pub framing: Framing,
    /// Whether the upstream takes another request on the connection.
    pub keep_alive: bool,
}

const ROOM: usize = 4;

/// Parses the whole head of an answer to a `method` request, up to and with its empty line.
pub fn parse(head: &Bytes, method: &Method, limits: &HeadLimits) -> Result<ResponseHead, Garbage> {
    let mut slots = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MOST_FIELDS];
    let slots = &mut slots[..limits.fields.min(MOST_FIELDS)];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, head, slots) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Garbage::TooManyFields),
        Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => return Err(Garbage::Field),
        Ok(_) | Err(_) => return Err(Garbage::StatusLine),
    }
    let (Some(code), Some(minor)) = (parsed.code, parsed.version) else { return Err(Garbage::StatusLine) };
    let status = match code {
        100..=599 => StatusCode::from_u16(code).map_err(|_| Garbage::StatusLine)?,
        _ => return Err(Garbage::StatusLine),
    };
    let (map, seen) = fields::collect(head, parsed.headers, ROOM)?;
    let modern = minor == 1;
    if seen.chunked && !modern {
        return Err(Garbage::Framing);
    }
    let framing = Framing::of_response(method, status, seen.length, seen.chunked);
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.version_mut() = if modern { Version::HTTP_11 } else { Version::HTTP_10 };
    *response.headers_mut() = map;
    Ok(ResponseHead {
        response,
        framing,
        keep_alive: !seen.close && (modern || seen.keep_alive) && framing != Framing::UntilClose,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<ResponseHead, Garbage> {
        parse(&Bytes::copy_from_slice(head.as_bytes()), &Method::GET, &HeadLimits::default())
    }

    #[test]
    fn good_answers() {
        let head = read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\n").unwrap();
        assert_eq!(head.framing, Framing::Length(3));
        assert!(head.keep_alive);
        assert_eq!(head.response.headers()["a"], "b");
        assert_eq!(read("HTTP/1.1 404 \r\n\r\n").unwrap().framing, Framing::UntilClose);
        assert_eq!(read("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").unwrap().framing, Framing::None);
        assert!(!read("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n").unwrap().keep_alive);
        assert!(!read("HTTP/1.1 200 OK\r\n\r\n").unwrap().keep_alive);
    }

    #[test]
    fn garbage() {
        for (head, fault) in [
            ("HTTP/1.1 99 x\r\n\r\n", Garbage::StatusLine),
            ("HTTP/1.1 600 x\r\n\r\n", Garbage::StatusLine),
            ("HTTP/1.1 2000 x\r\n\r\n", Garbage::StatusLine),
            ("HTTP/2.0 200 OK\r\n\r\n", Garbage::StatusLine),
            ("HTTP/1.1  200 OK\r\n\r\n", Garbage::StatusLine),
            ("ICY 200 OK\r\n\r\n", Garbage::StatusLine),
            ("HTTP/1.1 200 O\rK\r\n\r\n", Garbage::StatusLine),
            ("HTTP/1.1 200 OK\r\n a: b\r\n\r\n", Garbage::Field),
            ("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", Garbage::Field),
            ("HTTP/1.1 200 OK\r\na : b\r\n\r\n", Garbage::Field),
            ("HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n", Garbage::Field),
            ("HTTP/1.1 200 OK\r\na: \0\r\n\r\n", Garbage::Field),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", Garbage::Framing),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", Garbage::Framing),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Garbage::Framing),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Garbage::Framing),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Garbage::Framing),
        ] {
            assert_eq!(read(head).map(drop), Err(fault), "{head}");
        }
    }
}
