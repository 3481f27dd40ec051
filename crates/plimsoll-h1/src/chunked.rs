//! The chunked transfer coding (RFC 9112, section 7.1): a strict decoder that copies nothing, and the encoder's
//! pieces.
//!
//! Extensions are read, bounded and dropped; they mean something to the next hop only.

use crate::{
    buffer::ReadBuffer,
    error::ChunkedError,
    fields,
    head_scanner::HeadScanner,
    limits::{HeadLimits, MOST_FIELDS},
};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use memchr::memchr;

/// The longest chunk-size line in bytes, with extensions and line end.
const LONGEST_LINE: usize = 256;
/// The most bytes of extensions in one body. Without it, chunks of one byte could carry 250 bytes of extensions each.
const MOST_EXTENSION_BYTES: u32 = 16 * 1024;
/// A trailer section without fields; it passes whatever the limit is.
const EMPTY: &[u8] = b"\r\n";
/// Hexadecimal digits of 64 bits.
const MOST_DIGITS: usize = 16;

/// One step of the decoder.
#[derive(Debug)]
pub(crate) enum Step {
    /// Bytes of the body: never empty.
    Data(Bytes),
    /// The end, and the trailers that may be passed on: never empty.
    Trailers(HeaderMap),
    /// The end.
    End,
    /// More bytes are needed.
    More,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailers(HeadScanner),
    Done,
}

/// An incremental decoder whose results do not depend on how the bytes are cut into reads.
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

    /// Returns whether the last chunk and the trailers have been read.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Consumes as much of `buffer` as makes one step.
    pub(crate) fn step(&mut self, buffer: &mut ReadBuffer) -> Result<Step, ChunkedError> {
        loop {
            match self.state {
                State::Size => {
                    let Some((size, line)) = self.size_line(buffer.as_slice())? else {
                        return Ok(Step::More);
                    };
                    buffer.skip(line);
                    self.state =
                        if size == 0 { State::Trailers(HeadScanner::default()) } else { State::Data(size) };
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
                    _ => return Err(ChunkedError::LineEnd),
                },
                State::Trailers(mut lines) => {
                    // No byte beyond the limit is looked at, so that the outcome does not depend on the reads.
                    let most = (self.trailer_bytes as usize).max(EMPTY.len());
                    let window = &buffer.as_slice()[..buffer.len().min(most)];
                    let end = lines.end(window).map_err(|_| ChunkedError::LineEnd)?;
                    self.state = State::Trailers(lines);
                    let Some(end) = end else {
                        let full = window.len() == most;
                        return if full { Err(ChunkedError::TrailerTooLarge) } else { Ok(Step::More) };
                    };
                    self.state = State::Done;
                    if end == EMPTY.len() {
                        buffer.skip(end);
                        return Ok(Step::End);
                    }
                    let map = self.trailers(&buffer.split(end))?;
                    return Ok(if map.is_empty() { Step::End } else { Step::Trailers(map) });
                }
                State::Done => return Ok(Step::End),
            }
        }
    }

    /// Consumes an end without trailers that is already buffered, so that the last data frame is known to be the last.
    fn look_ahead(&mut self, buffer: &mut ReadBuffer) {
        const END: &[u8] = b"\r\n0\r\n\r\n";
        if matches!(self.state, State::DataEnd) && buffer.as_slice().starts_with(END) {
            buffer.skip(END.len());
            self.state = State::Done;
        }
    }

    fn size_line(&mut self, bytes: &[u8]) -> Result<Option<(u64, usize)>, ChunkedError> {
        let window = &bytes[..bytes.len().min(LONGEST_LINE)];
        let Some(feed) = memchr(b'\n', window) else {
            // A line that is too long is refused before it is complete.
            return if window.len() == LONGEST_LINE { Err(ChunkedError::Extension) } else { Ok(None) };
        };
        let [line @ .., b'\r'] = &window[..feed] else { return Err(ChunkedError::LineEnd) };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits == 0 || digits > MOST_DIGITS {
            return Err(ChunkedError::Size);
        }
        let extension = &line[digits..];
        match extension {
            [] => {}
            [b';', ..] if extension.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) => {
                self.extension_bytes += extension.len() as u32;
                if self.extension_bytes > MOST_EXTENSION_BYTES {
                    return Err(ChunkedError::Extension);
                }
            }
            [b';', ..] => return Err(ChunkedError::Extension),
            _ => return Err(ChunkedError::Size),
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

    fn trailers(&self, section: &Bytes) -> Result<HeaderMap, ChunkedError> {
        let mut slots = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let slots = &mut slots[..self.trailer_fields as usize];
        let parsed = match httparse::parse_headers(section, slots) {
            Ok(httparse::Status::Complete((length, parsed))) if length == section.len() => parsed,
            Err(httparse::Error::TooManyHeaders) => return Err(ChunkedError::TrailerTooLarge),
            _ => return Err(ChunkedError::Trailer),
        };
        let mut map = HeaderMap::with_capacity(parsed.len());
        for field in parsed {
            let (Ok(name), Ok(value)) = (
                http::HeaderName::from_bytes(field.name.as_bytes()),
                http::HeaderValue::from_maybe_shared(section.slice_ref(field.value)),
            ) else {
                return Err(ChunkedError::Trailer);
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
mod tests;
