use crate::{
    Kind, Problem,
    body::{
        BodyLimits, DecodeError,
        error::{MalformedError, Position},
        json,
        media_type::MediaType,
    },
};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::{Buf, BytesMut};
use futures_core::Stream;
use http::header;
use http_body::Body as _;
use serde::de::DeserializeOwned;
use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The media types of line-delimited JSON. None is registered.
const MEDIA_TYPES: &[&str] =
    &["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// A stream of the JSON values of a request's body, one per line, read on demand.
///
/// A line has at most [`BodyLimits::line`] bytes, and only one is held; the body as a whole has no limit. Empty lines are
/// ignored. The first fault is the stream's last item, a [`Problem`] with the number of the line: 400 for malformed JSON or
/// another type, 413 for a line that is too long.
///
/// ```
/// use axum::{Router, routing::post};
/// use futures_util::TryStreamExt;
/// use plimsoll_http::{Problem, body::{Negotiated, NdJsonReader}};
///
/// # #[derive(serde::Deserialize)] struct Order { pieces: u64 }
/// async fn import(mut orders: NdJsonReader<Order>) -> Result<Negotiated<u64>, Problem> {
///     let mut pieces = 0;
///     while let Some(order) = orders.try_next().await? {
///         pieces += order.pieces;
///     }
///     Ok(Negotiated(pieces))
/// }
///
/// let app: Router = Router::new().route("/orders/import", post(import));
/// ```
///
/// # Cancel safety
/// Waiting for the next item can be abandoned and begun again: nothing is lost.
pub struct NdJsonReader<T> {
    body: Body,
    limits: BodyLimits,
    held: BytesMut,
    // Bytes of `held` in which there is no line break.
    seen: usize,
    line: usize,
    state: State,
    of: PhantomData<fn() -> T>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    More,
    NoMore,
    Over,
}

impl<T, S: Send + Sync> FromRequest<S> for NdJsonReader<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let named = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let known = named.and_then(MediaType::parse).is_some_and(|found| {
            MEDIA_TYPES.iter().any(|media_type| media_type.eq_ignore_ascii_case(found.essence))
        });
        if !known || request.headers().contains_key(header::CONTENT_ENCODING) {
            let detail = "taken here: application/x-ndjson, without a content-encoding";
            return Err(Problem::new(Kind::UnsupportedMediaType).detail(detail));
        }
        let limits = request.extensions().get::<BodyLimits>().copied().unwrap_or_default();
        Ok(Self::new(request.into_body(), limits))
    }
}

impl<T> NdJsonReader<T> {
    /// Creates a reader of a body's values, within these limits.
    pub fn new(body: Body, limits: BodyLimits) -> Self {
        let held = BytesMut::new();
        Self { body, limits, held, seen: 0, line: 0, state: State::More, of: PhantomData }
    }

    /// Returns the next whole line, without its break.
    fn line(&mut self) -> Option<BytesMut> {
        if let Some(at) = memchr::memchr(b'\n', &self.held[self.seen..]) {
            let mut line = self.held.split_to(self.seen + at + 1);
            line.truncate(line.len() - 1);
            self.seen = 0;
            self.line += 1;
            return Some(line);
        }
        self.seen = self.held.len();
        if self.state == State::More || self.held.is_empty() {
            return None;
        }
        self.seen = 0;
        self.line += 1;
        Some(self.held.split())
    }

    fn too_long(&self, bytes: usize) -> Option<Problem> {
        let limit = self.limits.line_limit().get();
        let number = self.line.max(1);
        (bytes > limit).then(|| {
            Problem::new(Kind::BodyTooLarge)
                .detail(format!("a line after line {} has more than {limit} bytes", number - 1))
        })
    }
}

impl<T: DeserializeOwned> NdJsonReader<T> {
    fn value(&self, line: &[u8]) -> Result<T, Problem> {
        json::read(line, self.limits.depth_limit()).map_err(|fault| {
            let column = if let Position::Line { column, .. } = fault.place { column } else { 1 };
            let place = Position::Line { line: self.line, column };
            DecodeError::from(MalformedError { place, ..fault }).into()
        })
    }
}

impl<T: DeserializeOwned> Stream for NdJsonReader<T> {
    type Item = Result<T, Problem>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let outcome = loop {
            if this.state == State::Over {
                return Poll::Ready(None);
            }
            if let Some(line) = this.line() {
                if line.trim_ascii().is_empty() {
                    continue;
                }
                break this.too_long(line.len()).map_or_else(|| this.value(&line), Err);
            }
            if this.state == State::NoMore {
                this.state = State::Over;
                return Poll::Ready(None);
            }
            if let Some(problem) = this.too_long(this.held.len()) {
                break Err(problem);
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => this.state = State::NoMore,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.held.extend_from_slice(data.chunk());
                    }
                }
                Some(Err(error)) => {
                    break Err(Problem::new(Kind::BadRequest).detail("the body broke off").because(error));
                }
            }
        };
        if outcome.is_err() {
            this.state = State::Over;
        }
        Poll::Ready(Some(outcome))
    }
}

impl<T> fmt::Debug for NdJsonReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NdJsonReader")
            .field("line", &self.line)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::ByteLimit;
    use futures_util::{StreamExt, stream};
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn reader<T>(pieces: Vec<Vec<u8>>) -> NdJsonReader<T> {
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
        NdJsonReader::new(body, BodyLimits::default().line(ByteLimit::new(32).unwrap()))
    }

    async fn read(text: &str) -> Vec<Result<u32, String>> {
        let pieces = text.as_bytes().chunks(3).map(<[u8]>::to_vec).collect();
        reader(pieces).map(|item| item.map_err(|problem| problem.to_string())).collect().await
    }

    #[tokio::test]
    async fn lines_are_values() {
        assert_eq!(read("1\n22\r\n\n  \n333").await, [Ok(1), Ok(22), Ok(333)]);
        assert_eq!(read("").await, []);
        assert_eq!(read("\n\n").await, []);
        assert_eq!(read("1\n").await, [Ok(1)]);
    }

    #[tokio::test]
    async fn a_fault_names_its_line_and_is_the_last() {
        let got = read("1\n\n{\"hunter2\n4\n").await;
        assert_eq!((got.len(), &got[0]), (2, &Ok(1)));
        let fault = got[1].as_ref().unwrap_err();
        assert!(fault.contains("line 3") && !fault.contains("hunter2"), "{fault}");
    }

    #[tokio::test]
    async fn a_line_without_end_is_not_held() {
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(vec![b' '; 8]));
        let mut reader = NdJsonReader::<u32>::new(
            Body::from_stream(endless),
            BodyLimits::default().line(ByteLimit::new(32).unwrap()),
        );
        assert_eq!(reader.next().await.unwrap().unwrap_err().kind(), Kind::BodyTooLarge);
        assert!(reader.next().await.is_none());
        assert!(reader.held.len() <= 40);
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_values_are_the_same(
            values in proptest::collection::vec(any::<u32>(), 0..20),
            cuts in proptest::collection::vec(1_usize..9, 1..9),
        ) {
            let text: String = values.iter().flat_map(|value| [value.to_string(), "\n".to_owned()]).collect();
            let (mut rest, mut pieces, mut cut) = (text.as_bytes(), Vec::new(), cuts.iter().cycle());
            while let Some((piece, after)) = cut.next().and_then(|at| rest.split_at_checked((*at).min(rest.len()))) {
                if piece.is_empty() { break }
                pieces.push(piece.to_vec());
                rest = after;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let got: Vec<u32> = runtime.block_on(reader::<u32>(pieces).map(Result::unwrap).collect());
            prop_assert_eq!(got, values);
        }
    }
}
