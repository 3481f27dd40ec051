use crate::{Problem, ProblemId};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep};

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// The bytes after which a chunk is sent although more is ready: a few packets, and one write.
pub(super) const CHUNK: usize = 16 << 10;

/// The error of a streaming body that broke off. The log has the cause under the same id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the streamed body was aborted ({id})")]
pub struct StreamAbortedError {
    id: ProblemId,
}

impl StreamAbortedError {
    /// The id, which the log has too.
    pub const fn id(&self) -> ProblemId {
        self.id
    }

    #[cold]
    pub(super) fn because(error: impl Into<BoxError>) -> Self {
        let id = ProblemId::fresh();
        let problem = Problem::internal(error);
        tracing::error!(%id, error = %problem.chain(), "a streamed body was aborted");
        Self { id }
    }
}

/// An encoding of items as bytes.
pub(super) trait Framing<T> {
    fn write(&mut self, item: T, into: &mut BytesMut) -> Result<(), BoxError>;

    /// The bytes that are sent after a pause.
    const HEARTBEAT: &'static [u8] = b"";
}

pin_project! {
    /// A body of a stream's items, sent together.
    pub(super) struct Coalesced<S, F> {
        #[pin]
        stream: S,
        framing: F,
        chunk: usize,
        heartbeat: Option<Duration>,
        #[pin]
        silence: Option<Sleep>,
        gathered: BytesMut,
        state: State,
    }
}

#[derive(Clone, Copy)]
enum State {
    Flows,
    // The items before the error are sent first.
    Fails(StreamAbortedError),
    // hyper discards unwritten bytes when a body fails, so it gets a turn in which to write.
    Waits(StreamAbortedError),
    Ended,
}

impl<S, F> Coalesced<S, F> {
    pub(super) fn new(stream: S, framing: F, chunk: usize, heartbeat: Option<Duration>) -> Self {
        let gathered = BytesMut::new();
        Self { stream, framing, chunk, heartbeat, silence: None, gathered, state: State::Flows }
    }
}

impl<S, F, T, E> Coalesced<S, F>
where
    S: Stream<Item = Result<T, E>>,
    F: Framing<T>,
    E: Into<BoxError>,
{
    /// Collects items until the chunk is full, or the stream waits or ends.
    fn gather(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let mut this = self.project();
        while matches!(this.state, State::Flows) && this.gathered.len() < *this.chunk {
            let before = this.gathered.len();
            let written = match this.stream.as_mut().poll_next(cx) {
                Poll::Pending => return,
                Poll::Ready(None) => {
                    *this.state = State::Ended;
                    return;
                }
                Poll::Ready(Some(Ok(item))) => this.framing.write(item, this.gathered),
                Poll::Ready(Some(Err(error))) => Err(error.into()),
            };
            if let Err(error) = written {
                this.gathered.truncate(before);
                *this.state = State::Fails(StreamAbortedError::because(error));
            }
        }
    }

    /// Polls until nothing has been sent for the interval of the heartbeat.
    fn poll_silence(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(after) = *this.heartbeat else { return Poll::Pending };
        if this.silence.is_none() {
            this.silence.set(Some(sleep(after)));
        }
        let Some(mut silence) = this.silence.as_mut().as_pin_mut() else { return Poll::Pending };
        ready!(silence.as_mut().poll(cx));
        silence.reset(Instant::now() + after);
        Poll::Ready(())
    }
}

impl<S, F, T, E> Body for Coalesced<S, F>
where
    S: Stream<Item = Result<T, E>>,
    F: Framing<T>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = StreamAbortedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamAbortedError>>> {
        self.as_mut().gather(cx);
        if !self.gathered.is_empty() {
            let mut this = self.project();
            // The next wait counts from here.
            this.silence.set(None);
            return Poll::Ready(Some(Ok(Frame::data(this.gathered.split().freeze()))));
        }
        match self.state {
            State::Ended => Poll::Ready(None),
            State::Fails(aborted) => {
                *self.project().state = State::Waits(aborted);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            State::Waits(aborted) => {
                *self.project().state = State::Ended;
                Poll::Ready(Some(Err(aborted)))
            }
            State::Flows => {
                ready!(self.as_mut().poll_silence(cx));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(F::HEARTBEAT)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended) && self.gathered.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;

    struct Plain;

    impl Framing<&'static str> for Plain {
        fn write(&mut self, item: &'static str, into: &mut BytesMut) -> Result<(), BoxError> {
            into.extend_from_slice(item.as_bytes());
            if item == "half" { Err("cannot be written".into()) } else { Ok(()) }
        }

        const HEARTBEAT: &'static [u8] = b"~";
    }

    type Item = Result<&'static str, BoxError>;

    fn body<S: Stream<Item = Item>>(stream: S) -> Coalesced<S, Plain> {
        Coalesced::new(stream, Plain, 4, None)
    }

    async fn frames<B: Body<Data = Bytes, Error = StreamAbortedError>>(body: B) -> (Vec<String>, bool) {
        let mut body = Box::pin(body);
        let mut got = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => got.push(String::from_utf8_lossy(frame.data_ref().unwrap()).into_owned()),
                Err(_) => return (got, body.frame().await.is_none()),
            }
        }
        assert!(body.is_end_stream());
        (got, false)
    }

    #[tokio::test]
    async fn what_is_at_hand_goes_together_up_to_a_chunk() {
        let items = ["ab", "cd", "e", "longer than a chunk", "f"].map(Item::Ok);
        let (got, aborted) = frames(body(stream::iter(items))).await;
        assert_eq!(got, ["abcd", "elonger than a chunk", "f"]);
        assert!(!aborted);
    }

    #[tokio::test]
    async fn what_there_is_does_not_wait_for_more() {
        let stalls = stream::iter([Item::Ok("a")]).chain(stream::pending());
        let mut body = Box::pin(body(stalls));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
    }

    #[tokio::test]
    async fn an_error_comes_after_what_was_before_it_and_is_the_end() {
        let items = vec![Ok("a"), Ok("b"), Err("password=hunter2".into()), Ok("never")];
        assert_eq!(frames(body(stream::iter(items))).await, (vec!["ab".to_owned()], true));
    }

    #[tokio::test]
    async fn half_an_item_is_not_sent() {
        let items = ["a", "half", "never"].map(Item::Ok);
        assert_eq!(frames(body(stream::iter(items))).await, (vec!["a".to_owned()], true));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_and_counts_from_the_last_word() {
        let begun = Instant::now();
        let later = stream::once(async {
            sleep(Duration::from_secs(25)).await;
            Item::Ok("late")
        });
        let stream = stream::iter([Item::Ok("a")]).chain(later).chain(stream::pending());
        let mut body = Box::pin(Coalesced::new(stream, Plain, 4, Some(Duration::from_secs(10))));
        for (word, at) in [("a", 0), ("~", 10), ("~", 20), ("late", 25), ("~", 35)] {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), word);
            assert_eq!(begun.elapsed().as_secs(), at);
        }
    }
}
