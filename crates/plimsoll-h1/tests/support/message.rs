//! A message as a reader sees it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use plimsoll_h1::{Pipe, Splice, semantics};
use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// A field: its name and value.
pub type Field = (String, Vec<u8>);

/// A request or a response, with all that was read of its body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// Method and target, or status.
    pub start: String,
    pub fields: Vec<Field>,
    pub body: Vec<u8>,
    pub trailers: Vec<Field>,
    /// The body was read to its end.
    pub whole: bool,
}

impl Message {
    pub fn of_request(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        Self { start: format!("{method} {uri}"), fields: fields(headers), ..Self::default() }
    }

    pub fn of_response(status: StatusCode, headers: &HeaderMap) -> Self {
        Self { start: status.as_str().into(), fields: fields(headers), ..Self::default() }
    }

    /// The message without what each hop writes for itself.
    pub fn end_to_end(&self) -> Self {
        let mut message = self.clone();
        message.fields.retain(|(name, value)| {
            let framing =
                ["connection", "keep-alive", "proxy-connection", "content-length", "transfer-encoding"];
            let added = name == "date" || name == "host" && value.is_empty();
            !framing.contains(&name.as_str()) && !added
        });
        message
    }

    fn take(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.body.extend_from_slice(data);
        }
        if let Some(trailers) = frame.trailers_ref() {
            let allowed = trailers.iter().filter(|(name, _)| !semantics::may_not_trail(name));
            self.trailers.extend(allowed.map(field));
        }
    }
}

fn fields(map: &HeaderMap) -> Vec<Field> {
    map.iter().map(field).collect()
}

fn field((name, value): (&HeaderName, &HeaderValue)) -> Field {
    (name.as_str().to_owned(), value.as_bytes().to_vec())
}

/// Messages in the order in which they were read.
pub type Messages = Rc<RefCell<Vec<Message>>>;

/// A body that notes what passes through it in the last of the messages.
#[derive(Debug)]
pub struct Noted<B> {
    body: B,
    messages: Messages,
}

impl<B: Body<Data = Bytes>> Noted<B> {
    pub fn new(body: B, messages: &Messages) -> Self {
        let noted = Self { body, messages: Rc::clone(messages) };
        noted.note(|message| message.whole = noted.body.is_end_stream());
        noted
    }

    fn note(&self, change: impl FnOnce(&mut Message)) {
        change(self.messages.borrow_mut().last_mut().expect("its head comes first"));
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Noted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ended = polled.is_none() || self.body.is_end_stream() && !matches!(polled, Some(Err(_)));
        self.note(|message| {
            if let Some(Ok(frame)) = &polled {
                message.take(frame);
            }
            message.whole |= ended;
        });
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// It notes what passes, so it never lets anything bypass it.
impl<B: Body<Data = Bytes> + Unpin> Splice for Noted<B> {
    fn poll_splice(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut Pipe,
    ) -> Poll<Option<Result<u64, B::Error>>> {
        Poll::Ready(None)
    }
}

/// Reads a body to its end, or until it fails.
pub async fn read<B: Body<Data = Bytes> + Unpin>(body: B, messages: &Messages) {
    let mut body = Noted::new(body, messages);
    while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {}
}
