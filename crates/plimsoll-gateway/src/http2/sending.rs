//! A body that is written to a stream.

use bytes::Buf;
use h2::{Reason, SendStream};
use http::HeaderMap;
use http_body::Body;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A body on its way to a stream, until all of it has been handed to h2.
///
/// A part is asked of the body only when the one before has found room in the windows. No room is reserved before a part
/// is there: what one stream reserves of the connection's window, no other can use. Dropped before its end, the stream is
/// reset once nobody reads from it either.
#[derive(Debug)]
pub(crate) struct Sending<B: Body<Data: Buf>> {
    stream: SendStream<B::Data>,
    body: B,
    /// A part that waits for room, and whether it is the last.
    waiting: Option<(B::Data, bool)>,
}

/// Why a body was not sent whole.
#[derive(Debug)]
pub(crate) enum Broken<E> {
    /// The peer has reset the stream, or the connection has ended.
    Stream,
    /// The body has failed.
    Body(E),
}

impl<B: Body<Data: Buf + Default> + Unpin> Sending<B> {
    /// Of this body, over a stream whose head has been sent.
    pub(crate) fn new(stream: SendStream<B::Data>, body: B) -> Self {
        Self { stream, body, waiting: None }
    }

    /// Ready once all of it has been handed over, or cannot be. Of a body that has failed the stream is not reset yet.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken<B::Error>>> {
        loop {
            if let Some((part, last)) = self.waiting.take() {
                let last = ready!(self.poll_part(cx, part, last))?;
                if last {
                    return Poll::Ready(Ok(()));
                }
            }
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Broken::Body(error))),
                Poll::Ready(None) => {
                    let end = self.stream.send_data(B::Data::default(), true);
                    return Poll::Ready(end.map_err(|_| Broken::Stream));
                }
                // While a part waits for room, room is what tells of a reset.
                Poll::Pending => return self.stream.poll_reset(cx).map(|_| Err(Broken::Stream)),
            };
            match frame.into_data() {
                Ok(part) => self.waiting = Some((part, self.body.is_end_stream())),
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        return Poll::Ready(self.end_with(trailers));
                    }
                }
            }
        }
    }

    /// Hands this part over once the stream has room for any of it: h2 keeps the rest. Says whether it was the last.
    fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
        part: B::Data,
        last: bool,
    ) -> Poll<Result<bool, Broken<B::Error>>> {
        if part.has_remaining() {
            self.stream.reserve_capacity(1);
            while self.stream.capacity() == 0 {
                match self.stream.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(_) => return Poll::Ready(Err(Broken::Stream)),
                    Poll::Pending => {
                        self.waiting = Some((part, last));
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Ready(self.stream.send_data(part, last).map(|()| last).map_err(|_| Broken::Stream))
    }

    fn end_with(&mut self, trailers: HeaderMap) -> Result<(), Broken<B::Error>> {
        // No data follows: the room that is left is for others.
        self.stream.reserve_capacity(0);
        self.stream.send_trailers(trailers).map_err(|_| Broken::Stream)
    }

    /// Tells the peer that the rest will not come.
    pub(crate) fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }
}
