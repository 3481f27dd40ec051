//! The fields of a message, however a server, a client or a proxy keeps them.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields of a message that can be looked at.
///
/// A map is one form of them; a proxy may keep the bytes that came instead. What reads fields to decide something is
/// written for this trait, so that the decision is the same in either form.
pub trait Fields {
    /// Returns the first value of the field.
    fn value_of(&self, name: &HeaderName) -> Option<&[u8]>;

    /// Returns the values of the field, in the order they came.
    fn values_of<'a, 'n>(
        &'a self,
        name: &'n HeaderName,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n, Self>;

    /// Returns the names, in lower case.
    fn names(&self) -> impl Iterator<Item = &[u8]>;
}

/// Fields of a message that can be changed.
pub trait FieldsMut: Fields {
    /// Keeps the fields of whose name, in lower case, `keep` returns true.
    fn keep(&mut self, keep: impl Fn(&[u8]) -> bool);

    /// Removes the field.
    fn remove(&mut self, name: &HeaderName) {
        self.keep(|found| found != name.as_str().as_bytes());
    }

    /// Adds a field in place of those of its name.
    fn set(&mut self, name: HeaderName, value: HeaderValue);
}

impl Fields for HeaderMap {
    #[inline]
    fn value_of(&self, name: &HeaderName) -> Option<&[u8]> {
        self.get(name).map(HeaderValue::as_bytes)
    }

    #[inline]
    fn values_of<'a, 'n>(&'a self, name: &'n HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.get_all(name).iter().map(HeaderValue::as_bytes)
    }

    #[inline]
    fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.keys().map(|name| name.as_str().as_bytes())
    }
}

impl FieldsMut for HeaderMap {
    fn keep(&mut self, keep: impl Fn(&[u8]) -> bool) {
        let gone: Vec<HeaderName> =
            self.keys().filter(|name| !keep(name.as_str().as_bytes())).cloned().collect();
        for name in gone {
            HeaderMap::remove(self, name);
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        HeaderMap::remove(self, name);
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_keeps_what_it_is_told_to() {
        let mut map = HeaderMap::new();
        for (name, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let a = HeaderName::from_static("a");
        assert_eq!(
            (map.value_of(&a), map.values_of(&a).count(), map.names().count()),
            (Some(&b"1"[..]), 2, 3)
        );
        map.keep(|name| name != b"a");
        map.set(HeaderName::from_static("b"), HeaderValue::from_static("5"));
        FieldsMut::remove(&mut map, &HeaderName::from_static("c"));
        assert_eq!((map.len(), &map["b"]), (1, &HeaderValue::from_static("5")));
    }
}
