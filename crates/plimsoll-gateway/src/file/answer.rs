//! `[upstream.NAME.answer]`.

use super::amount::{Bytes, Count};
use crate::spec::AnswerSpec;
use plimsoll::config::{Node, Reader, Rules, Schemas, Shape, Value, section};
use std::borrow::Cow;

type Head = Bytes<1024, { 128 << 10 }>;
type Fields = Count<1, 256>;
type Trailers = Bytes<1024, { 128 << 10 }>;
type Interim = Count<0, 255>;

section! {
    /// How much is taken of an answer beside its body; above it 502, or, once the answer has begun, it is broken off.
    pub(super) struct Answer {
        /// Bytes of its head.
        head: Head = Answer::default().head,
        /// Header fields, and fields of its trailers.
        fields: Fields = Answer::default().fields,
        /// Bytes of its trailers.
        trailers: Trailers = Answer::default().trailers,
        /// Interim answers (1xx) that may come before it; they are passed on.
        interim: Interim = Answer::default().interim,
    }
}

impl Rules for Answer {}

impl Default for Answer {
    fn default() -> Self {
        Self::from(AnswerSpec::default())
    }
}

impl From<AnswerSpec> for Answer {
    fn from(spec: AnswerSpec) -> Self {
        Self {
            head: Head::nearest(spec.head as u64),
            fields: Fields::nearest(spec.fields),
            trailers: Trailers::nearest(spec.trailers as u64),
            interim: Interim::nearest(spec.interim.into()),
        }
    }
}

impl From<Answer> for AnswerSpec {
    fn from(written: Answer) -> Self {
        Self {
            head: written.head.get() as usize,
            fields: written.fields.get() as usize,
            trailers: written.trailers.get() as usize,
            interim: u8::try_from(written.interim.get()).unwrap_or(u8::MAX),
        }
    }
}

impl Shape for AnswerSpec {
    fn expected() -> Cow<'static, str> {
        Answer::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Answer::read(node, reader).map(Self::from)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Answer::schema(schemas)
    }

    fn write(&self) -> Value {
        Answer::from(*self).write()
    }
}
