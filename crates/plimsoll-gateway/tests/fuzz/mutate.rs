//! Changes to bytes: what tends to be read in two ways.

use crate::draws::Draws;

/// Bytes and words that change what a message is taken for.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\n\n",
    b" ",
    b"\t",
    b"\0",
    b"\x0b",
    b"\x0c",
    b"\x1f",
    b"\x7f",
    b"\x85",
    b"\xa0",
    b"\xff",
    b":",
    b";",
    b",",
    b"\"",
    b"0",
    b"1",
    b"+",
    b"-",
    b"0x",
    b"%0d%0a",
    b"/../",
    b"chunked",
    b"identity",
    b"0\r\n\r\n",
    b"5\r\n",
    b"ffffffffffffffff\r\n",
    b"10000000000000000\r\n",
    b";a=\"\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"content-length: 4, 4\r\n",
    b"Content_Length: 9\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer_Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: content-length, transfer-encoding\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"Trailer: content-length\r\n",
    b"TE: trailers\r\n",
    b"Host: b\r\n",
    b"X-A: b\r\n c\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 100 Continue\r\n\r\n",
];

/// Changes `bytes` once; `other` is a message to take a part of.
pub(crate) fn mutate(bytes: &mut Vec<u8>, other: &[u8], draws: &mut Draws) {
    match draws.below(11) {
        0 if !bytes.is_empty() => {
            let at = draws.below(bytes.len());
            bytes[at] = draws.byte();
        }
        1 if !bytes.is_empty() => {
            let at = draws.below(bytes.len());
            bytes[at] ^= 1 << draws.below(8);
        }
        2 => drop(bytes.drain(draws.range(bytes.len()))),
        3 => {
            let range = draws.range(bytes.len());
            let copy = bytes[range.clone()].to_vec();
            splice(bytes, range.end, &copy);
        }
        4 => {
            let range = draws.range(other.len());
            let at = draws.below(bytes.len() + 1);
            splice(bytes, at, &other[range]);
        }
        5 => number(bytes, draws),
        6 => line(bytes, draws),
        7 if draws.one_in(3) => bytes.truncate(draws.below(bytes.len() + 1)),
        8 => {
            let range = draws.range(bytes.len());
            for byte in &mut bytes[range] {
                if byte.is_ascii_alphabetic() {
                    *byte ^= 0x20;
                }
            }
        }
        // At the begin of a line, where a whole one can take its place.
        9 => {
            let at = *draws.pick(&lines(bytes));
            splice(bytes, at, draws.pick::<&[u8]>(WORDS));
        }
        _ => {
            let at = draws.below(bytes.len() + 1);
            splice(bytes, at, draws.pick::<&[u8]>(WORDS));
        }
    }
}

fn splice(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    drop(bytes.splice(at..at, part.iter().copied()));
}

/// Where lines begin.
fn lines(bytes: &[u8]) -> Vec<usize> {
    let after = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after).collect()
}

/// Makes a digit another one: lengths are what framing goes by.
fn number(bytes: &mut [u8], draws: &mut Draws) {
    let digits: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_digit()).map(|(at, _)| at).collect();
    if !digits.is_empty() {
        bytes[*draws.pick(&digits)] = b'0' + draws.below(10) as u8;
    }
}

/// Takes a line out, doubles it, or moves it to another place.
fn line(bytes: &mut Vec<u8>, draws: &mut Draws) {
    let starts = lines(bytes);
    let at = draws.below(starts.len());
    let range = starts[at]..starts.get(at + 1).copied().unwrap_or(bytes.len());
    let line = bytes[range.clone()].to_vec();
    if !draws.one_in(3) {
        drop(bytes.drain(range));
    }
    if !draws.one_in(3) {
        let at = *draws.pick(&lines(bytes));
        splice(bytes, at, &line);
    }
}

/// Bytes as they can be read in a report.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
