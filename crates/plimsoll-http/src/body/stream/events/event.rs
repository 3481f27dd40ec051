use super::{EventId, EventName};
use crate::body::{EncodeError, json};
use bytes::{BufMut, BytesMut};
use serde::Serialize;
use std::{fmt, time::Duration};

/// One server-sent event.
///
/// Text stays in its field: data is split at its line breaks into one field per line, as the format requires; ids and names
/// have no line breaks.
///
/// ```
/// use plimsoll_http::body::{Event, EventId, EventName};
///
/// let shipped = EventName::new("shipped")?;
/// let event = Event::data("two\nlines").named(&shipped).id(&EventId::from(7));
/// assert_eq!(event.to_string(), "data: two\ndata: lines\nevent: shipped\nid: 7\n\n");
/// # Ok::<(), plimsoll_http::body::EventFieldError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    fields: String,
}

impl Event {
    /// Creates an event with this data.
    pub fn data(text: &str) -> Self {
        let mut event = Self { fields: String::with_capacity(text.len() + 16) };
        event.lines("data: ", text);
        event
    }

    /// Creates an event with this value as JSON data.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let json = json::write(value)?;
        // JSON is UTF-8.
        Ok(Self::data(&String::from_utf8_lossy(&json)))
    }

    /// Creates a comment: a line that clients ignore.
    pub fn comment(text: &str) -> Self {
        let mut event = Self { fields: String::with_capacity(text.len() + 4) };
        event.lines(": ", text);
        event
    }

    /// Sets its id.
    #[must_use]
    pub fn id(self, id: &EventId) -> Self {
        self.field("id: ", id.as_str())
    }

    /// Sets its name.
    #[must_use]
    pub fn named(self, name: &EventName) -> Self {
        self.field("event: ", name.as_str())
    }

    /// Sets how long a client waits before it reconnects, in milliseconds.
    #[must_use]
    pub fn retry(self, after: Duration) -> Self {
        let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.field("retry: ", itoa::Buffer::new().format(millis))
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.extend([name, value, "\n"]);
        self
    }

    /// Writes a field for each line; the format has three line breaks.
    fn lines(&mut self, name: &str, mut text: &str) {
        while let Some(at) = text.find(['\n', '\r']) {
            self.fields.extend([name, &text[..at], "\n"]);
            let broken = if text[at..].starts_with("\r\n") { 2 } else { 1 };
            text = &text[at + broken..];
        }
        self.fields.extend([name, text, "\n"]);
    }

    pub(super) fn write(&self, into: &mut BytesMut) {
        into.reserve(self.fields.len() + 1);
        into.put_slice(self.fields.as_bytes());
        into.put_u8(b'\n');
    }
}

/// Writes it as it is sent.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_field_has_its_line() {
        let event = Event::json(&["a\nb"]).unwrap().retry(Duration::from_millis(1500));
        assert_eq!(event.to_string(), "data: [\"a\\nb\"]\nretry: 1500\n\n");
        assert_eq!(Event::comment("still\nhere").to_string(), ": still\n: here\n\n");
        assert_eq!(Event::data("").to_string(), "data: \n\n");
        assert_eq!(Event::data("a\r\nb\rc\n").to_string(), "data: a\ndata: b\ndata: c\ndata: \n\n");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_field_of_its_own(text in "[a-z: \\n\\r]{0,40}", comment in "[a-z: \\n\\r]{0,40}") {
            let wire = format!("{}{}", Event::data(&text), Event::comment(&comment));
            prop_assert!(!wire.contains('\r'));
            let (data, rest) = wire.split_once("\n\n").unwrap();
            prop_assert!(data.lines().all(|line| line.starts_with("data: ")));
            prop_assert!(rest.trim_end_matches('\n').lines().all(|line| line.starts_with(": ")));
            let joined: Vec<&str> = data.lines().map(|line| &line[6..]).collect();
            let lines = text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(joined.join("\n"), lines);
        }
    }
}
