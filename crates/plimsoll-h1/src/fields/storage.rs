//! The memory of fields, and the thread's supply of it: an index is needed for every message, and allocated for few.

use super::entry::Entry;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use std::cell::RefCell;

/// The memory of one head's fields.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// The head, with names in lower case.
    pub(super) head: Bytes,
    pub(super) entries: Vec<Entry>,
    /// Fields that did not come in the head.
    pub(super) added: Vec<(HeaderName, HeaderValue)>,
}

/// Pieces of memory that a thread keeps for later: at most some 350 KiB.
const KEPT: usize = 128;
/// The most fields of either kind for which memory is kept.
const MOST_ENTRIES: usize = 64;
const MOST_ADDED: usize = 16;

thread_local! {
    #[expect(clippy::vec_box, reason = "a head is moved often, and by its pointer alone")]
    static SPARE: RefCell<Vec<Box<Storage>>> = const { RefCell::new(Vec::new()) };
}

/// Returns empty memory: spare or new.
#[expect(clippy::unnecessary_box_returns, reason = "the box is what is spare")]
pub(super) fn take() -> Box<Storage> {
    SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Gives memory back; what it held is freed.
pub(super) fn give(mut storage: Box<Storage>) {
    storage.head = Bytes::new();
    storage.entries.clear();
    storage.added.clear();
    if storage.entries.capacity() > MOST_ENTRIES || storage.added.capacity() > MOST_ADDED {
        return;
    }
    // The supply is gone only while the thread ends.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < KEPT {
            spare.push(storage);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_empty_and_of_bounded_size() {
        let mut storage = take();
        storage.head = Bytes::from_static(b"a: b\r\n");
        storage.entries.extend(Entry::new(&storage.head, &storage.head[..1], &storage.head[3..4]));
        storage.added.push((HeaderName::from_static("a"), HeaderValue::from_static("b")));
        give(storage);
        let again = take();
        assert!(again.head.is_empty() && again.entries.is_empty() && again.added.is_empty());
        assert!(again.entries.capacity() > 0, "the same memory");
        give(Box::new(Storage { entries: Vec::with_capacity(MOST_ENTRIES + 1), ..Storage::default() }));
        assert_eq!(take().entries.capacity(), 0);
    }
}
