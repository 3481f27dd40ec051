//! Fields of a head as a proxy needs them: the bytes that came, and an index of them.
//!
//! A proxy looks at few fields and passes most of them on, so they are neither hashed nor copied one by one: a look-up
//! compares the few names there are, and what is passed on is the bytes that came, in as few pieces as the fields that were
//! taken off leave. A map is made only for those who need one.
//!
//! | file | contents |
//! | --- | --- |
//! | `entry` | the place of one field, and the names that the engine knows |
//! | `facts` | what fields state about message and connection |
//! | `storage` | the memory |
//! | `rules` | rules for single fields, which HTTP/2 shares |
//! | `write` | how fields are written |

mod entry;
mod facts;
mod rules;
mod storage;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use entry::{Kind, range_of};
pub(crate) use facts::{Expect, FieldError};
pub use rules::{has_blank_end, list_size, may_not_trail};
pub use write::FieldsRef;
pub(crate) use write::{is_ours, put_field, write};

use bytes::{Bytes, BytesMut};
use entry::Entry;
use facts::FieldFacts;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use storage::Storage;

/// The fields of a message's head, in the order they came; those added stand at the end.
///
/// Names are in lower case. A look-up takes time proportional to the number of fields, of which
/// [`HeadLimits::fields`](crate::HeadLimits::fields) bounds those that come. Its memory belongs to the thread and is used
/// again.
#[derive(Default)]
pub struct Fields {
    /// `None` without fields.
    storage: Option<Box<Storage>>,
}

/// Fields whose positions are known, while the bytes are still borrowed by their parser.
pub(crate) struct Index {
    storage: Box<Storage>,
    is_whole: bool,
}

impl Index {
    /// Notes the positions of `parsed`, whose slices lie within `head`.
    pub(crate) fn new(head: &[u8], parsed: &[httparse::Header<'_>]) -> Self {
        let mut storage = storage::take();
        // Positions have 32 bits.
        let mut is_whole = u32::try_from(head.len()).is_ok();
        if is_whole {
            let entry = |field: &httparse::Header<'_>| Entry::new(head, field.name.as_bytes(), field.value);
            storage.entries.extend(parsed.iter().map_while(entry));
            is_whole = storage.entries.len() == parsed.len();
        }
        Self { storage, is_whole }
    }

    /// Takes the bytes that the positions are of. Returns the fields, what they state, and the bytes.
    pub(crate) fn attach(self, mut head: BytesMut) -> (Fields, Result<FieldFacts, FieldError>, Bytes) {
        let Self { mut storage, is_whole } = self;
        let mut facts = FieldFacts::default();
        let read = storage.entries.iter_mut().try_for_each(|entry| {
            entry.settle(&mut head);
            if entry.kind == Kind::Other { Ok(()) } else { facts.read(entry.kind, entry.value(&head)) }
        });
        let whole = if is_whole { Ok(()) } else { Err(FieldError::Name) };
        let facts = read.and(whole).and_then(|()| facts.check()).map(|()| facts);
        let head = head.freeze();
        storage.head = head.clone();
        (Fields { storage: Some(storage) }, facts, head)
    }
}

impl Fields {
    /// Returns no fields.
    pub const fn new() -> Self {
        Self { storage: None }
    }

    fn parts(&self) -> (&[u8], &[Entry], &[(HeaderName, HeaderValue)]) {
        match &self.storage {
            Some(storage) => (&storage.head, &storage.entries, &storage.added),
            None => (&[], &[], &[]),
        }
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        let (_, entries, added) = self.parts();
        entries.len() + added.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns each name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (head, entries, added) = self.parts();
        let came = entries.iter().map(move |entry| (entry.name(head), entry.value(head)));
        came.chain(added.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())))
    }

    /// Returns each name; one that stands twice comes twice.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.iter().map(|(name, _)| name)
    }

    /// Returns the values of a field. `name` is in lower case.
    pub fn get_all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let (head, entries, added) = self.parts();
        let came = entries.iter().filter(move |entry| entry.is_named(head, name.as_bytes()));
        let added = added.iter().filter(move |(found, _)| found.as_str() == name);
        came.map(move |entry| entry.value(head)).chain(added.map(|(_, value)| value.as_bytes()))
    }

    /// Returns the first value of a field. `name` is in lower case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let (head, entries, added) = self.parts();
        match entries.iter().find(|entry| entry.is_named(head, name.as_bytes())) {
            Some(entry) => Some(entry.value(head)),
            None => Some(added.iter().find(|(found, _)| found.as_str() == name)?.1.as_bytes()),
        }
    }

    /// Returns the first value of a field that the engine knows.
    fn known(&self, kind: Kind) -> Option<&[u8]> {
        let (head, entries, added) = self.parts();
        if let Some(entry) = entries.iter().find(|entry| entry.kind == kind) {
            return Some(entry.value(head));
        }
        let added = added.iter().find(|(name, _)| Kind::of(name.as_str().as_bytes()) == kind);
        added.map(|(_, value)| value.as_bytes())
    }

    /// Returns whether there is such a field. `name` is in lower case.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Keeps the fields for which `keep` returns true.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        if let Some(Storage { head, entries, added }) = self.storage.as_deref_mut() {
            entries.retain(|entry| keep(entry.name(head), entry.value(head)));
            added.retain(|(name, value)| keep(name.as_str().as_bytes(), value.as_bytes()));
        }
    }

    /// Removes every field of this name, which is in lower case.
    pub fn remove(&mut self, name: &str) {
        self.retain(|found, _| found != name.as_bytes());
    }

    /// Adds a field.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.storage.get_or_insert_with(storage::take).added.push((name, value));
    }

    /// Adds a field in place of those of its name.
    pub fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.remove(name.as_str());
        self.append(name, value);
    }

    /// Returns the fields as a map, with room for `room` more; the values are slices of the bytes that came.
    pub fn to_map(&self, room: usize) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.len() + room);
        let Some(Storage { head, entries, added }) = self.storage.as_deref() else { return map };
        for entry in entries {
            // Of what the reader of heads has accepted, neither is ever refused.
            let name = HeaderName::from_bytes(entry.name(head));
            let value = HeaderValue::from_maybe_shared(head.slice_ref(entry.value(head)));
            if let (Ok(name), Ok(value)) = (name, value) {
                map.append(name, value);
            }
        }
        map.extend(added.iter().cloned());
        map
    }
}

impl From<HeaderMap> for Fields {
    fn from(map: HeaderMap) -> Self {
        let mut fields = Self::new();
        let mut last = None;
        for (name, value) in map {
            // A map gives the name with the first of its values alone.
            last = name.or(last);
            if let Some(name) = &last {
                fields.append(name.clone(), value);
            }
        }
        fields
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        if let Some(storage) = self.storage.take() {
            storage::give(storage);
        }
    }
}

/// Names alone: a value may be a secret.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names().map(|name| String::from_utf8_lossy(name))).finish()
    }
}
