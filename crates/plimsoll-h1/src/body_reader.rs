//! Reading of a body from a connection, for every framing.

use crate::{
    buffer::ReadBuffer,
    chunked::{Decoder, Step},
    error::BodyError,
    framing::Framing,
    limits::HeadLimits,
    transport::Transport,
};
use bytes::Bytes;
use http_body::Frame;
use std::task::{Context, Poll, ready};

/// The state of reading one body.
#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
    /// Bytes that may still come, independent of the framing.
    allowance: u64,
}

#[derive(Debug)]
enum State {
    Done,
    Length(u64),
    Chunked(Decoder),
    UntilClose,
    Broken,
}

impl BodyReader {
    pub(crate) fn done() -> Self {
        Self { state: State::Done, allowance: 0 }
    }

    pub(crate) fn new(framing: Framing, limits: &HeadLimits, allowance: u64) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Decoder::new(limits)),
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, allowance }
    }

    /// Returns whether the whole body has been read.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Returns whether reading failed, so that the start of the next message is unknown.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken)
    }

    /// Returns the bytes still to come, if the framing states them.
    pub(crate) fn left(&self) -> Option<u64> {
        match self.state {
            State::Done => Some(0),
            State::Length(left) => Some(left),
            _ => None,
        }
    }

    /// Returns the bytes that may bypass the process: those of a body of known length.
    pub(crate) fn spliceable(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left.min(self.allowance)).filter(|left| *left > 0),
            _ => None,
        }
    }

    /// Counts `bytes` that bypassed the process.
    pub(crate) fn spliced(&mut self, bytes: u64) {
        if let State::Length(left) = &mut self.state {
            *left -= bytes;
            self.allowance -= bytes;
            if *left == 0 {
                self.state = State::Done;
            }
        }
    }

    /// Takes the whole body, if its length is known and `buffer` has all of it.
    pub(crate) fn take_whole(&mut self, buffer: &mut ReadBuffer) -> Option<Bytes> {
        let State::Length(left) = self.state else { return None };
        let length = usize::try_from(left).ok().filter(|length| *length <= buffer.len())?;
        self.allowance = self.allowance.checked_sub(left)?;
        self.state = State::Done;
        Some(buffer.split(length))
    }

    /// Sets how many more bytes may come.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.allowance = bytes;
    }

    /// Lowers the number of bytes that may come to `bytes`; never raises it.
    pub(crate) fn allow_at_most(&mut self, bytes: u64) {
        self.allowance = self.allowance.min(bytes);
    }

    /// Returns the next frame, `None` at the body's end. An error repeats as [`BodyError::Gone`].
    pub(crate) fn poll_frame<IO: Transport>(
        &mut self,
        buffer: &mut ReadBuffer,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BodyError>> {
        let polled = ready!(self.poll(buffer, io, cx));
        if polled.is_err() {
            self.state = State::Broken;
        }
        Poll::Ready(polled)
    }

    fn poll<IO: Transport>(
        &mut self,
        buffer: &mut ReadBuffer,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BodyError>> {
        loop {
            match &mut self.state {
                State::Done => return Poll::Ready(Ok(None)),
                State::Broken => return Poll::Ready(Err(BodyError::Gone)),
                State::Length(left) if !buffer.is_empty() => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    *left -= here as u64;
                    if *left == 0 {
                        self.state = State::Done;
                    }
                    return Poll::Ready(self.data(buffer.split(here)));
                }
                State::UntilClose if !buffer.is_empty() => {
                    let data = buffer.split(buffer.len());
                    return Poll::Ready(self.data(data));
                }
                State::Chunked(decoder) => {
                    let step = decoder.step(buffer).map_err(BodyError::Chunk)?;
                    if decoder.is_done() {
                        self.state = State::Done;
                    }
                    match step {
                        Step::Data(data) => return Poll::Ready(self.data(data)),
                        Step::Trailers(map) => return Poll::Ready(Ok(Some(Frame::trailers(map)))),
                        Step::End => return Poll::Ready(Ok(None)),
                        Step::More => {}
                    }
                }
                State::Length(_) | State::UntilClose => {}
            }
            match ready!(buffer.poll_fill(io, cx)) {
                Ok(0) if matches!(self.state, State::UntilClose) => self.state = State::Done,
                Ok(0) => return Poll::Ready(Err(BodyError::Truncated)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(BodyError::Io(error))),
            }
        }
    }

    fn data(&mut self, data: Bytes) -> Result<Option<Frame<Bytes>>, BodyError> {
        self.allowance = self.allowance.checked_sub(data.len() as u64).ok_or(BodyError::TooLarge)?;
        Ok(Some(Frame::data(data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Cursor, task::Waker};

    fn read(framing: Framing, allowance: u64, input: &[u8]) -> (Vec<u8>, Result<(), &'static str>) {
        let mut input = Cursor::new(input.to_vec());
        let mut reader = BodyReader::new(framing, &HeadLimits::default(), allowance);
        let (mut buffer, mut got) = (ReadBuffer::new(), Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match reader.poll_frame(&mut buffer, &mut input, &mut cx) {
                Poll::Ready(Ok(Some(frame))) => got.extend_from_slice(frame.data_ref().unwrap()),
                Poll::Ready(Ok(None)) => return (got, Ok(())),
                Poll::Ready(Err(error)) => return (got, Err(error.name())),
                Poll::Pending => panic!("a slice is always ready"),
            }
        }
    }

    #[test]
    fn a_body_that_breaks_off_is_an_error() {
        let cut: Result<(), _> = Err("truncated");
        assert_eq!(read(Framing::Length(4), u64::MAX, b"abcdef"), (b"abcd".to_vec(), Ok(())));
        assert_eq!(read(Framing::Length(4), u64::MAX, b"abc"), (b"abc".to_vec(), cut));
        assert_eq!(read(Framing::Chunked, u64::MAX, b"3\r\nabc\r\n0\r\n"), (b"abc".to_vec(), cut));
        assert_eq!(read(Framing::Chunked, u64::MAX, b"3\r\nabc\r\n0\r\n\r\n"), (b"abc".to_vec(), Ok(())));
        assert_eq!(read(Framing::UntilClose, u64::MAX, b"abc"), (b"abc".to_vec(), Ok(())));
        assert_eq!(read(Framing::None, 0, b"abc"), (Vec::new(), Ok(())));
    }

    #[test]
    fn no_more_than_allowed_is_passed_on() {
        assert_eq!(read(Framing::Chunked, 3, b"3\r\nabc\r\n0\r\n\r\n").1, Ok(()));
        assert_eq!(
            read(Framing::Chunked, 4, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
            (b"abc".to_vec(), Err("body-too-large"))
        );
    }
}
