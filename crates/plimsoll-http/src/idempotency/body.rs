use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// The body of a response of the layer: stored, too large to be stored, or the service's own.
    pub struct KeyedBody<B> {
        read: Read,
        #[pin]
        rest: Rest<B>,
    }
}

pin_project! {
    #[project = RestProjection]
    enum Rest<B> {
        Untouched { #[pin] body: B },
        // It continues where reading stopped.
        Left { body: Pin<Box<B>> },
        None,
    }
}

/// The part of the body that was read before it was passed on.
#[derive(Debug, Default)]
struct Read {
    frame: Option<Frame<Bytes>>,
    trailers: Option<Frame<Bytes>>,
    /// It broke off while it was read.
    broken: bool,
}

/// The reason why the body of a response broke off.
#[derive(Debug)]
pub struct KeyedBodyError<E>(Option<E>);

impl<E> fmt::Display for KeyedBodyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the response broke off")
    }
}

impl<E: Error + 'static> Error for KeyedBodyError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref().map(|error| error as _)
    }
}

impl<B> KeyedBody<B> {
    /// Creates the service's own body, unchanged.
    pub(super) fn passing(body: B) -> Self {
        Self { read: Read::default(), rest: Rest::Untouched { body } }
    }

    /// Creates a whole body.
    pub(super) fn whole(body: Bytes) -> Self {
        Self::read(body, Rest::None)
    }

    /// Creates a body from its beginning and the rest.
    pub(super) fn begun(beginning: Bytes, body: Pin<Box<B>>) -> Self {
        Self::read(beginning, Rest::Left { body })
    }

    fn read(beginning: Bytes, rest: Rest<B>) -> Self {
        let frame = (!beginning.is_empty()).then(|| Frame::data(beginning));
        Self { read: Read { frame, ..Read::default() }, rest }
    }

    /// Adds trailers to its end.
    pub(super) fn ending(mut self, trailers: Frame<Bytes>) -> Self {
        self.read.trailers = Some(trailers);
        self
    }

    /// Creates a body of its beginning, which then breaks off like the service's own.
    pub(super) fn broken(beginning: Bytes) -> Self {
        let mut body = Self::whole(beginning);
        body.read.broken = true;
        body
    }
}

impl<B: Body> Rest<B> {
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Untouched { body } => body.is_end_stream(),
            Self::Left { body } => body.is_end_stream(),
            Self::None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Untouched { body } => body.size_hint(),
            Self::Left { body } => body.size_hint(),
            Self::None => SizeHint::with_exact(0),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for KeyedBody<B> {
    type Data = Bytes;
    type Error = KeyedBodyError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        if let Some(frame) = this.read.frame.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if std::mem::take(&mut this.read.broken) {
            return Poll::Ready(Some(Err(KeyedBodyError(None))));
        }
        let rest = match this.rest.as_mut().project() {
            RestProjection::Untouched { body } => ready!(body.poll_frame(cx)),
            RestProjection::Left { body } => ready!(body.as_mut().poll_frame(cx)),
            RestProjection::None => None,
        };
        if let Some(frame) = rest {
            return Poll::Ready(Some(frame.map_err(|error| KeyedBodyError(Some(error)))));
        }
        this.rest.set(Rest::None);
        Poll::Ready(this.read.trailers.take().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        let Read { frame, trailers, broken } = &self.read;
        frame.is_none() && trailers.is_none() && !broken && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.read.broken {
            // The client must not take the beginning for the whole.
            return SizeHint::default();
        }
        let read = self.read.frame.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().filter(|_| self.read.trailers.is_none()) {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

impl<B> fmt::Debug for KeyedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBody").field("read", &self.read).finish_non_exhaustive()
    }
}
