//! One of a few words for a value of the library's.

use plimsoll::config::{Node, Reader, Schemas, Shape, Value, json, one_of};
use std::borrow::Cow;

/// A type of which each value has a word in the file.
pub(super) trait Words: Copy + PartialEq + 'static {
    /// Every value with its word.
    const WORDS: &'static [(&'static str, Self)];
}

/// A value by its word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Choice<T>(pub(super) T);

fn words<T: Words>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

impl<T: Words> Shape for Choice<T> {
    fn expected() -> Cow<'static, str> {
        one_of(&words::<T>()).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.word(node, T::WORDS, &Self::expected()).map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "enum": words::<T>() })
    }

    fn write(&self) -> Value {
        T::WORDS.iter().find(|(_, value)| *value == self.0).map_or(Value::Null, |(word, _)| (*word).into())
    }
}
