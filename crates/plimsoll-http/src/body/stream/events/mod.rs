mod event;
mod field;

pub use event::Event;
pub use field::{EventFieldError, EventId, EventName, LastEventId};

use super::coalesced::{BoxError, CHUNK, Coalesced, Framing};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use futures_core::Stream;
use http::{HeaderName, HeaderValue, header};
use std::time::Duration;

/// The silence after which a comment is sent. Proxies close connections that were silent for 30 to 60 s.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A response of server-sent events (`text/event-stream`,
/// [the standard](https://html.spec.whatwg.org/multipage/server-sent-events.html)), as a stream gives them. See the
/// [module](crate::body#streams).
///
/// A client that was cut off reconnects by itself, with its last id in [`LastEventId`]. A stream without an end delays a
/// shutdown; end it by `stream.take_until(…)` with the token of the drain.
///
/// ```
/// use axum::{Router, routing::get};
/// use futures_util::{Stream, StreamExt, stream};
/// use plimsoll_http::body::{Event, EventId, EventStream, LastEventId};
/// use std::convert::Infallible;
///
/// async fn changes(LastEventId(last): LastEventId) -> EventStream<impl Stream<Item = Result<Event, Infallible>>> {
///     let from: u64 = last.and_then(|id| id.as_str().parse().ok()).map_or(0, |last: u64| last + 1);
///     EventStream::new(stream::iter(from..).map(|number| Ok(Event::data("order shipped").id(&EventId::from(number)))))
/// }
///
/// let app: Router = Router::new().route("/changes", get(changes));
/// ```
#[derive(Clone, Debug)]
pub struct EventStream<S> {
    stream: S,
    heartbeat: Option<Duration>,
}

impl<S> EventStream<S> {
    /// Creates a response of the stream's events, with a comment after every 15 s of silence.
    pub const fn new(stream: S) -> Self {
        Self { stream, heartbeat: Some(HEARTBEAT) }
    }

    /// Sets the silence after which a comment is sent. Zero counts as a second.
    #[must_use]
    pub fn keep_alive(self, after: Duration) -> Self {
        Self { heartbeat: Some(after.max(Duration::from_secs(1))), ..self }
    }

    /// Switches comments off: a client that has left is then noticed only at the next event.
    #[must_use]
    pub fn without_keep_alive(self) -> Self {
        Self { heartbeat: None, ..self }
    }
}

impl<S, E> IntoResponse for EventStream<S>
where
    S: Stream<Item = Result<Event, E>> + Send + 'static,
    E: Into<BoxError>,
{
    fn into_response(self) -> Response {
        let mut response =
            Response::new(Body::new(Coalesced::new(self.stream, Events, CHUNK, self.heartbeat)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // nginx buffers a response unless told not to.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        response
    }
}

struct Events;

impl Framing<Event> for Events {
    fn write(&mut self, event: Event, into: &mut BytesMut) -> Result<(), BoxError> {
        event.write(into);
        Ok(())
    }

    /// A comment; the empty line is for clients that read by blocks.
    const HEARTBEAT: &'static [u8] = b":\n\n";
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;
    use std::convert::Infallible;

    #[tokio::test(start_paused = true)]
    async fn events_and_the_word_in_silence() {
        let events = stream::iter(["a", "b"].map(|data| Ok::<_, Infallible>(Event::data(data))));
        let response = EventStream::new(events.chain(stream::pending())).into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let mut body = response.into_body();
        for expected in ["data: a\n\ndata: b\n\n", ":\n\n", ":\n\n"] {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), expected);
        }
    }
}
