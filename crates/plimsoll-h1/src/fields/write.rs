//! How fields are written: those that came as they came, in as few pieces as may be.

use super::{Fields, entry::Kind};
use bytes::BytesMut;
use http::header::{HeaderMap, HeaderValue};

/// Fields to be written, in either form.
#[derive(Clone, Copy, Debug)]
pub enum FieldsRef<'a> {
    /// As a map.
    Map(&'a HeaderMap),
    /// As they came.
    Fields(&'a Fields),
}

impl<'a> FieldsRef<'a> {
    /// Returns the first value of a field of this kind, which is one name.
    pub(crate) fn known(self, kind: Kind) -> Option<&'a [u8]> {
        match self {
            Self::Map(map) => map.get(kind.name()?).map(HeaderValue::as_bytes),
            Self::Fields(fields) => fields.known(kind),
        }
    }
}

impl<'a> From<&'a HeaderMap> for FieldsRef<'a> {
    fn from(map: &'a HeaderMap) -> Self {
        Self::Map(map)
    }
}

impl<'a> From<&'a Fields> for FieldsRef<'a> {
    fn from(fields: &'a Fields) -> Self {
        Self::Fields(fields)
    }
}

/// The fields that were written and that the rest of a head depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    pub(crate) host: bool,
    pub(crate) upgrade: bool,
    pub(crate) te: bool,
    pub(crate) date: bool,
}

impl Written {
    fn note(&mut self, kind: Kind) {
        match kind {
            Kind::Host => self.host = true,
            Kind::Upgrade => self.upgrade = true,
            Kind::Te => self.te = true,
            Kind::Date => self.date = true,
            _ => {}
        }
    }
}

/// Writes fields but for those that the engine owns.
pub(crate) fn write(out: &mut BytesMut, fields: FieldsRef<'_>) -> Written {
    let mut written = Written::default();
    match fields {
        FieldsRef::Map(map) => {
            for (name, value) in map {
                write_one(out, name.as_str().as_bytes(), value.as_bytes(), &mut written);
            }
        }
        FieldsRef::Fields(fields) => {
            let (head, entries, added) = fields.parts();
            // Lines that stand beside one another are copied at once.
            let mut run = 0..0;
            for entry in entries.iter().filter(|entry| !entry.kind.is_ours()) {
                written.note(entry.kind);
                match entry.line() {
                    Some(line) if line.start == run.end => run.end = line.end,
                    line => {
                        // Fields of one name stay in their order.
                        out.extend_from_slice(&head[run]);
                        run = line.clone().unwrap_or_default();
                        if line.is_none() {
                            put_field(out, entry.name(head), entry.value(head));
                        }
                    }
                }
            }
            out.extend_from_slice(&head[run]);
            for (name, value) in added {
                write_one(out, name.as_str().as_bytes(), value.as_bytes(), &mut written);
            }
        }
    }
    written
}

fn write_one(out: &mut BytesMut, name: &[u8], value: &[u8], written: &mut Written) {
    let kind = Kind::of(name);
    if !kind.is_ours() {
        written.note(kind);
        put_field(out, name, value);
    }
}

/// Returns whether the engine writes this field itself; `name` is in lower case.
pub(crate) fn is_ours(name: &[u8]) -> bool {
    Kind::of(name).is_ours()
}

/// Writes one field.
pub(crate) fn put_field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    let begin = out.len();
    // Room for all of it at once: four appends would each look for room and move the end.
    out.resize(begin + name.len() + value.len() + 4, 0);
    let (to_name, rest) = out[begin..].split_at_mut(name.len());
    to_name.copy_from_slice(name);
    let (colon, rest) = rest.split_at_mut(2);
    colon.copy_from_slice(b": ");
    let (to_value, end) = rest.split_at_mut(value.len());
    to_value.copy_from_slice(value);
    end.copy_from_slice(b"\r\n");
}
