//! Values of headers that are made for each request.

use bytes::BytesMut;
use http::HeaderValue;
use std::cell::RefCell;

/// The bytes of values that share one allocation. One that is kept keeps the others' room, so there are few.
const ROOM: usize = 512;

thread_local! {
    /// Room for the next values of this thread.
    static NEXT: RefCell<BytesMut> = RefCell::default();
}

/// Makes a value of a short text, mostly without an allocation. An empty one where the text is none of a header's.
pub(crate) fn short_value(text: &[u8]) -> HeaderValue {
    let bytes = NEXT.with_borrow_mut(|room| {
        if room.capacity() < text.len() {
            *room = BytesMut::with_capacity(ROOM.max(text.len()));
        }
        room.extend_from_slice(text);
        room.split().freeze()
    });
    HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_text_while_others_are_made() {
        let values: Vec<_> = (0..100_u32).map(|n| short_value(n.to_string().repeat(9).as_bytes())).collect();
        for (n, value) in values.iter().enumerate() {
            assert_eq!(value.as_bytes(), n.to_string().repeat(9).as_bytes());
        }
        assert_eq!(short_value(&[b'x'; 2000]).len(), 2000);
        assert_eq!(short_value(b"a\nb"), "");
    }
}
