//! The chunked transfer coding (RFC 9112, section 7.1): a strict decoder that copies nothing, and the encoder's
//! pieces.
//!
//! Extensions are read, bounded and dropped; they mean something to the next hop only.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use memchr::memchr;

use crate::buffer::ReadBuffer;
use crate::error::ChunkFault;
use crate::fields;
use crate::limits::{HeadLimits, MOST_FIELDS};
use crate::lines::Lines;

/// A chunk-size line, extensions and line end included.
const LONGEST_LINE: usize = 256;
/// Bytes of extensions in one body. Without this, chunks of one byte could carry 250 of extensions each.
const MOST_EXTENSION_BYTES: u32 = 16 * 1024;
/// Hexadecimal digits of 64 bits.
const MOST_DIGITS: usize = 16;

/// What the decoder found.
#[derive(Debug)]
pub(crate) enum Step {
    /// Bytes of the body: never empty.
    Data(Bytes),
    /// The end, and the trailers that may be passed on: never empty.
    Trailers(HeaderMap),
    /// The end.
    End,
    /// Nothing without more bytes.
    More,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailers(Lines),
    Done,
}

/// An incremental decoder. Its results do not depend on how the bytes are cut into reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder {
    state: State,
    extension_bytes: u32,
    trailer_bytes: u32,
    trailer_fields: u16,
}

impl Decoder {
    pub(crate) fn new(limits: &HeadLimits) -> Self {
        Self {
            state: State::Size,
            extension_bytes: 0,
            trailer_bytes: u32::try_from(limits.trailer_bytes).unwrap_or(u32::MAX),
            trailer_fields: limits.trailer_fields.min(MOST_FIELDS) as u16,
        }
    }

    /// Whether the last chunk and the trailers have been read.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Consumes as much of `buffer` as makes one step.
    pub(crate) fn step(&mut self, buffer: &mut ReadBuffer) -> Result<Step, ChunkFault> {
        loop {
            match self.state {
                State::Size => {
                    let Some((size, line)) = self.size_line(buffer.as_slice())? else {
                        return Ok(Step::More);
                    };
                    buffer.skip(line);
                    self.state =
                        if size == 0 { State::Trailers(Lines::default()) } else { State::Data(size) };
                }
                State::Data(left) => {
                    if buffer.is_empty() {
                        return Ok(Step::More);
                    }
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                    let data = buffer.split(here);
                    self.state = match left - here as u64 {
                        0 => State::DataEnd,
                        left => State::Data(left),
                    };
                    self.look_ahead(buffer);
                    return Ok(Step::Data(data));
                }
                State::DataEnd => match buffer.as_slice() {
                    [b'\r', b'\n', ..] => {
                        buffer.skip(2);
                        self.state = State::Size;
                    }
                    [] | [b'\r'] => return Ok(Step::More),
                    _ => return Err(ChunkFault::LineEnd),
                },
                State::Trailers(mut lines) => {
                    let end = lines.end(buffer.as_slice()).map_err(|_| ChunkFault::LineEnd)?;
                    self.state = State::Trailers(lines);
                    if end.unwrap_or(buffer.len()) > self.trailer_bytes as usize {
                        return Err(ChunkFault::TrailerTooLarge);
                    }
                    let Some(end) = end else { return Ok(Step::More) };
                    self.state = State::Done;
                    if end == 2 {
                        buffer.skip(2);
                        return Ok(Step::End);
                    }
                    let map = self.trailers(&buffer.split(end))?;
                    return Ok(if map.is_empty() { Step::End } else { Step::Trailers(map) });
                }
                State::Done => return Ok(Step::End),
            }
        }
    }

    /// Consumes a plain end that is already there, so that the last data is known to be the last.
    fn look_ahead(&mut self, buffer: &mut ReadBuffer) {
        const END: &[u8] = b"\r\n0\r\n\r\n";
        if matches!(self.state, State::DataEnd) && buffer.as_slice().starts_with(END) {
            buffer.skip(END.len());
            self.state = State::Done;
        }
    }

    fn size_line(&mut self, bytes: &[u8]) -> Result<Option<(u64, usize)>, ChunkFault> {
        let window = &bytes[..bytes.len().min(LONGEST_LINE)];
        let Some(feed) = memchr(b'\n', window) else {
            // What cannot become a size line any more is refused before it is complete.
            return if window.len() == LONGEST_LINE { Err(ChunkFault::Extension) } else { Ok(None) };
        };
        let [line @ .., b'\r'] = &window[..feed] else { return Err(ChunkFault::LineEnd) };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits == 0 || digits > MOST_DIGITS {
            return Err(ChunkFault::Size);
        }
        let extension = &line[digits..];
        match extension {
            [] => {}
            [b';', ..] if extension.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) => {
                self.extension_bytes += extension.len() as u32;
                if self.extension_bytes > MOST_EXTENSION_BYTES {
                    return Err(ChunkFault::Extension);
                }
            }
            [b';', ..] => return Err(ChunkFault::Extension),
            _ => return Err(ChunkFault::Size),
        }
        let size = line[..digits].iter().fold(0_u64, |sum, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => (byte | 0x20) - b'a' + 10,
            };
            sum << 4 | u64::from(digit)
        });
        Ok(Some((size, feed + 1)))
    }

    fn trailers(&self, section: &Bytes) -> Result<HeaderMap, ChunkFault> {
        let mut slots = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let slots = &mut slots[..self.trailer_fields as usize];
        let parsed = match httparse::parse_headers(section, slots) {
            Ok(httparse::Status::Complete((length, parsed))) if length == section.len() => parsed,
            Err(httparse::Error::TooManyHeaders) => return Err(ChunkFault::TrailerTooLarge),
            _ => return Err(ChunkFault::Trailer),
        };
        let mut map = HeaderMap::with_capacity(parsed.len());
        for field in parsed {
            let (Ok(name), Ok(value)) = (
                http::HeaderName::from_bytes(field.name.as_bytes()),
                http::HeaderValue::from_maybe_shared(section.slice_ref(field.value)),
            ) else {
                return Err(ChunkFault::Trailer);
            };
            if !fields::may_not_trail(&name) {
                map.append(name, value);
            }
        }
        Ok(map)
    }
}

/// Writes the line before a chunk of `size` bytes.
pub(crate) fn put_size(out: &mut BytesMut, size: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = [0_u8; MOST_DIGITS + 2];
    let mut at = MOST_DIGITS;
    line[at..].copy_from_slice(b"\r\n");
    let mut rest = size;
    loop {
        at -= 1;
        line[at] = DIGITS[rest & 15];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&line[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Decoded = Result<(Vec<u8>, Option<HeaderMap>, Vec<u8>), Option<ChunkFault>>;

    /// Feeds `input` in pieces that end at `cuts`; `Err(None)` when it never comes to an end.
    fn decode(input: &[u8], cuts: &[usize]) -> Decoded {
        let limits = HeadLimits { trailer_bytes: 64, trailer_fields: 2, ..HeadLimits::default() };
        let mut decoder = Decoder::new(&limits);
        let mut buffer = ReadBuffer::new();
        let mut data = Vec::new();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
        cuts.push(input.len());
        cuts.sort_unstable();
        let mut from = 0;
        for cut in cuts {
            let mut whole = buffer.as_slice().to_vec();
            whole.extend_from_slice(&input[from..cut]);
            buffer = ReadBuffer::with(&whole);
            from = cut;
            loop {
                let rest = |buffer: &ReadBuffer| {
                    let mut rest = buffer.as_slice().to_vec();
                    rest.extend_from_slice(&input[from..]);
                    rest
                };
                match decoder.step(&mut buffer).map_err(Some)? {
                    Step::Data(bytes) => {
                        assert!(!bytes.is_empty());
                        data.extend_from_slice(&bytes);
                    }
                    Step::Trailers(map) => return Ok((data, Some(map), rest(&buffer))),
                    Step::End => return Ok((data, None, rest(&buffer))),
                    Step::More => break,
                }
            }
        }
        Err(None)
    }

    #[test]
    fn good_bodies() {
        for (input, body, rest) in [
            ("0\r\n\r\n", "", ""),
            ("3\r\nabc\r\n0\r\n\r\nGET", "abc", "GET"),
            ("a\r\n0123456789\r\nA;x=\"y z\"\r\n0123456789\r\n000\r\n\r\n", "01234567890123456789", ""),
            ("1\r\na\r\n1\r\nb\r\n0;ext\r\n\r\n", "ab", ""),
        ] {
            let (data, trailers, left) = decode(input.as_bytes(), &[]).unwrap();
            assert_eq!((data, left), (body.into(), rest.into()), "{input}");
            assert!(trailers.is_none());
        }
    }

    #[test]
    fn trailers_pass_but_for_the_forbidden() {
        let input = b"0\r\nX-Sum: 1\r\nContent-Length: 5\r\n\r\n";
        let (_, trailers, _) = decode(input, &[]).unwrap();
        let trailers = trailers.unwrap();
        assert_eq!(trailers.len(), 1);
        assert_eq!(trailers["x-sum"], "1");
        assert!(decode(b"0\r\nHost: a\r\n\r\n", &[]).unwrap().1.is_none());
    }

    #[test]
    fn bad_bodies() {
        let long = format!("1;{}\r\na\r\n", "x".repeat(300));
        let many = "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(300);
        let trailer = format!("0\r\na: {}\r\n\r\n", "x".repeat(64));
        for (input, fault) in [
            ("+3\r\nabc\r\n", ChunkFault::Size),
            ("-1\r\nabc\r\n", ChunkFault::Size),
            ("0x3\r\nabc\r\n", ChunkFault::Size),
            (" 3\r\nabc\r\n", ChunkFault::Size),
            ("3 \r\nabc\r\n", ChunkFault::Size),
            ("3 ;a\r\nabc\r\n", ChunkFault::Size),
            ("\r\nabc\r\n", ChunkFault::Size),
            (";a\r\nabc\r\n", ChunkFault::Size),
            ("g\r\n", ChunkFault::Size),
            ("3_0\r\n", ChunkFault::Size),
            ("11111111111111111\r\n", ChunkFault::Size),
            ("00000000000000003\r\nabc\r\n", ChunkFault::Size),
            ("3\nabc\r\n", ChunkFault::LineEnd),
            ("3;a\nb\r\nabc\r\n", ChunkFault::LineEnd),
            ("3;a\rb\r\nabc\r\n", ChunkFault::Extension),
            ("3;\0\r\nabc\r\n", ChunkFault::Extension),
            ("3\r\nabcd\r\n", ChunkFault::LineEnd),
            ("3\r\nabc\n0\r\n\r\n", ChunkFault::LineEnd),
            ("3\r\nabc\rx", ChunkFault::LineEnd),
            ("0\r\n\n", ChunkFault::LineEnd),
            ("0\r\na: b\n\r\n", ChunkFault::LineEnd),
            ("0\r\n a: b\r\n\r\n", ChunkFault::Trailer),
            ("0\r\na : b\r\n\r\n", ChunkFault::Trailer),
            ("0\r\na: b\rc\r\n\r\n", ChunkFault::Trailer),
            ("0\r\na: b\r\n c\r\n\r\n", ChunkFault::Trailer),
            ("0\r\n: b\r\n\r\n", ChunkFault::Trailer),
            ("0\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n", ChunkFault::TrailerTooLarge),
            (&long, ChunkFault::Extension),
            (&many, ChunkFault::Extension),
            (&trailer, ChunkFault::TrailerTooLarge),
        ] {
            assert_eq!(decode(input.as_bytes(), &[]).unwrap_err(), Some(fault), "{input}");
        }
    }

    #[test]
    fn what_is_cut_short_never_ends() {
        let whole = b"3\r\nabc\r\n0\r\na: b\r\n\r\n";
        for cut in 0..whole.len() {
            assert_eq!(decode(&whole[..cut], &[]).unwrap_err(), None, "{cut}");
        }
    }

    #[test]
    fn sizes_are_written_as_they_are_read() {
        for size in [0, 1, 15, 16, 255, 4096, usize::MAX] {
            let mut out = BytesMut::new();
            put_size(&mut out, size);
            assert_eq!(&out[..], format!("{size:x}\r\n").as_bytes());
        }
    }

    proptest! {
        #[test]
        fn reads_may_be_cut_anywhere(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            trailer in any::<bool>(),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            let mut input = BytesMut::new();
            for chunk in &chunks {
                put_size(&mut input, chunk.len());
                input.extend_from_slice(chunk);
                input.extend_from_slice(b"\r\n");
            }
            input.extend_from_slice(if trailer { b"0\r\na: b\r\n\r\n" } else { b"0\r\n\r\n" });
            input.extend_from_slice(b"next");
            let (data, trailers, rest) = decode(&input, &cuts).unwrap();
            prop_assert_eq!(data, chunks.concat());
            prop_assert_eq!(trailers.is_some(), trailer);
            prop_assert_eq!(rest, b"next".to_vec());
        }

        #[test]
        fn any_bytes_give_the_same_however_cut(
            input in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'1'), Just(b';'), Just(b':'), any::<u8>()],
                0..80,
            ),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            prop_assert_eq!(decode(&input, &[]), decode(&input, &cuts));
        }
    }
}
