use axum::extract::FromRequestParts;
use http::{HeaderName, request::Parts};
use std::{convert::Infallible, fmt};
use thiserror::Error;

/// The most bytes of an id or a name: an id returns in a header with every reconnect.
const LONGEST: usize = 256;

/// An event's id, by which a reconnecting client names the last event that it got. 1 to 256 bytes, on one line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EventId(Box<str>);

/// An event's name, by which a client distinguishes kinds of events. 1 to 256 bytes, on one line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EventName(Box<str>);

/// The error of a text that cannot be a field of an event.
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
    /// Creates it from a text.
    pub fn new(text: &str) -> Result<Self, EventFieldError> {
        check(text).map(Self)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Creates it from a number, in decimal.
impl From<u64> for EventId {
    fn from(number: u64) -> Self {
        Self(itoa::Buffer::new().format(number).into())
    }
}

impl EventName {
    /// Creates it from a text.
    pub fn new(text: &str) -> Result<Self, EventFieldError> {
        check(text).map(Self)
    }

    /// Returns the text.
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

/// The id of the last event that a reconnecting client got (`Last-Event-ID`). `None` for a new client, and for an invalid id.
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
