//! `[upstream.NAME.answer]`.

use super::amount::{Bytes, Count};
use crate::spec::ResponseSpec;
use plimsoll::config::{Node, Reader, Rules, Schemas, Shape, Value, section};
use std::borrow::Cow;

type Head = Bytes<1024, { 128 << 10 }>;
type Fields = Count<1, 256>;
type Trailers = Bytes<1024, { 128 << 10 }>;
type Interim = Count<0, 255>;

section! {
    /// How much is taken of a response beside its body; above it 502, or, once the response has begun, it is broken off.
    pub(super) struct Response {
        /// Bytes of its head.
        head: Head = Response::default().head,
        /// Header fields, and fields of its trailers.
        fields: Fields = Response::default().fields,
        /// Bytes of its trailers.
        trailers: Trailers = Response::default().trailers,
        /// Interim responses (1xx) that may come before it; they are passed on.
        interim: Interim = Response::default().interim,
    }
}

impl Rules for Response {}

impl Default for Response {
    fn default() -> Self {
        Self::from(ResponseSpec::default())
    }
}

impl From<ResponseSpec> for Response {
    fn from(spec: ResponseSpec) -> Self {
        Self {
            head: Head::nearest(spec.head as u64),
            fields: Fields::nearest(spec.fields),
            trailers: Trailers::nearest(spec.trailers as u64),
            interim: Interim::nearest(spec.interim.into()),
        }
    }
}

impl From<Response> for ResponseSpec {
    fn from(written: Response) -> Self {
        Self {
            head: written.head.get() as usize,
            fields: written.fields.get() as usize,
            trailers: written.trailers.get() as usize,
            interim: u8::try_from(written.interim.get()).unwrap_or(u8::MAX),
        }
    }
}

impl Shape for ResponseSpec {
    fn expected() -> Cow<'static, str> {
        Response::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Response::read(node, reader).map(Self::from)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Response::schema(schemas)
    }

    fn write(&self) -> Value {
        Response::from(*self).write()
    }
}
