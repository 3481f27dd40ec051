//! The corpus: requests that must be refused, and others of both directions.

#![allow(dead_code, unused_imports, reason = "not every test needs all of it")]

mod responses;

pub(crate) use responses::{BAD_RESPONSES, GOOD_RESPONSES, all_responses};

/// Requests that follow each other on one connection.
pub(crate) const GOOD_REQUESTS: &[u8] =
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\
POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;e\r\nabc\r\n2\r\nde\r\n0\r\nt: u\r\n\r\n\
GET http://x/d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";

/// The bytes of every request, good and bad.
pub(crate) fn all_requests() -> Vec<Vec<u8>> {
    let mut all: Vec<_> = requests().into_iter().map(|entry| entry.bytes).collect();
    all.push(GOOD_REQUESTS.to_vec());
    all.push(
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"
            .to_vec(),
    );
    all
}

/// A request that must be refused, and why.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// All of `requests.txt`.
pub(crate) fn requests() -> Vec<Entry> {
    let lines = include_str!("requests.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(entry).collect()
}

fn entry(line: &'static str) -> Entry {
    let (name, rest) = line.split_once(' ').expect("a name");
    let rest = rest.trim_start();
    let (reason, _) = rest.split_once(' ').expect("a reason");
    // Bytes may begin with a space, so they begin at a fixed column.
    Entry { name, reason, bytes: unescape(&line[52..]) }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'\\' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let (&kind, after) = after.split_first().expect("an escape");
        rest = after;
        match kind {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'0' => bytes.push(0),
            b'\\' => bytes.push(b'\\'),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
                rest = &rest[2..];
            }
            b'{' => {
                let end = rest.iter().position(|byte| *byte == b'}').expect("a closing brace");
                let [count @ .., b'*', byte] = &rest[..end] else { panic!("a repetition: {text}") };
                let count: usize = std::str::from_utf8(count).unwrap().parse().expect("a count");
                bytes.extend(std::iter::repeat_n(*byte, count));
                rest = &rest[end + 1..];
            }
            other => panic!("unknown escape {}", other as char),
        }
    }
    bytes
}
