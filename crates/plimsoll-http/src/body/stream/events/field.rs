use axum::extract::FromRequestParts;
use http::{HeaderName, request::Parts};
use std::{convert::Infallible, fmt};
use thiserror::Error;

/// Bytes of an id or a name: an id comes back in a header with every reconnect.
const LONGEST: usize = 256;

/// An event's id: what a client that was cut off says it had last. 1 to 256 bytes, on one line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EventId(Box<str>);

/// An event's name, by which a client tells kinds of events apart. 1 to 256 bytes, on one line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EventName(Box<str>);

/// A text that cannot be a field of an event: whatever follows a line break would be a field of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum EventFieldError {
    /// It is empty.
    #[error("a field of an event is not empty")]
    Empty,
    /// It has more than 256 bytes.
    #[error("a field of an event has at most 256 bytes")]
    TooLong,
    /// It has a line break or a NUL.
    #[error("a field of an event has neither line break nor NUL")]
    Forbidden,
}

fn check(text: &str) -> Result<Box<str>, EventFieldError> {
    if text.is_empty() {
        Err(EventFieldError::Empty)
    } else if text.len() > LONGEST {
        Err(EventFieldError::TooLong)
    } else if text.contains(['\n', '\r', '\0']) {
        Err(EventFieldError::Forbidden)
    } else {
        Ok(text.into())
    }
}

impl EventId {
    /// This text.
    pub fn new(text: &str) -> Result<Self, EventFieldError> {
        check(text).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In decimal: most streams count.
impl From<u64> for EventId {
    fn from(number: u64) -> Self {
        Self(itoa::Buffer::new().format(number).into())
    }
}

impl EventName {
    /// This text.
    pub fn new(text: &str) -> Result<Self, EventFieldError> {
        check(text).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of the last event that a returning client had (`Last-Event-ID`). `None` for a new client, and for an id that
/// nobody here has given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastEventId(pub Option<EventId>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let value = head.headers.get(HeaderName::from_static("last-event-id"));
        let text = value.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        Ok(Self(text.and_then(|text| EventId::new(text).ok())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[test]
    fn fields_are_on_one_line() {
        assert_eq!(EventId::new(""), Err(EventFieldError::Empty));
        assert_eq!(EventId::new(&"x".repeat(257)), Err(EventFieldError::TooLong));
        for text in ["a\nb", "a\rb", "a\0b"] {
            assert_eq!(EventId::new(text), Err(EventFieldError::Forbidden));
            assert_eq!(EventName::new(text), Err(EventFieldError::Forbidden));
        }
        assert_eq!(EventId::from(42).as_str(), "42");
    }

    #[tokio::test]
    async fn the_last_id_comes_back() {
        for (sent, expected) in [("42", Some("42")), ("é", Some("é")), ("", None)] {
            let (mut head, ()) =
                Request::builder().header("last-event-id", sent.as_bytes()).body(()).unwrap().into_parts();
            let LastEventId(last) = LastEventId::from_request_parts(&mut head, &()).await.unwrap();
            assert_eq!(last.as_ref().map(EventId::as_str), expected);
        }
    }
}
