//! The heads of messages, whatever the protocol they came by.

use super::download::Download;
use crate::h1;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, request, response};
use plimsoll::driver;

/// The fields of a message, in the form in which HTTP/1.1 brings and takes them.
#[derive(Debug, Default)]
pub(crate) struct Fields(pub(crate) h1::Fields);

/// The head of a request.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) fields: Fields,
}

/// The head of a response.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) fields: Fields,
}

/// A response to a client.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) head: ResponseHead,
    pub(crate) body: Download,
}

impl Fields {
    /// Returns the values of the field that is called so in the file, in any case.
    pub(crate) fn named<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let named = self.0.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| value)
    }

    /// Returns `Host`, if it is text.
    pub(crate) fn host(&self) -> Option<&str> {
        self.0.get("host").and_then(|host| str::from_utf8(host).ok())
    }
}

impl driver::Fields for Fields {
    #[inline]
    fn value_of(&self, name: &HeaderName) -> Option<&[u8]> {
        self.0.get(name.as_str())
    }

    #[inline]
    fn values_of<'a, 'n>(&'a self, name: &'n HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.0.get_all(name.as_str())
    }

    #[inline]
    fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.names()
    }
}

impl driver::FieldsMut for Fields {
    fn keep(&mut self, keep: impl Fn(&[u8]) -> bool) {
        self.0.retain(|name, _| keep(name));
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.insert(name, value);
    }
}

impl From<HeaderMap> for Fields {
    fn from(map: HeaderMap) -> Self {
        Self(map.into())
    }
}

impl From<h1::RequestHead> for RequestHead {
    fn from(head: h1::RequestHead) -> Self {
        Self { method: head.method, uri: head.uri, version: head.version, fields: Fields(head.fields) }
    }
}

impl From<request::Parts> for RequestHead {
    fn from(head: request::Parts) -> Self {
        Self { method: head.method, uri: head.uri, version: head.version, fields: head.headers.into() }
    }
}

impl From<h1::ResponseHead> for ResponseHead {
    fn from(head: h1::ResponseHead) -> Self {
        Self { status: head.status, version: head.version, fields: Fields(head.fields) }
    }
}

impl From<response::Parts> for ResponseHead {
    fn from(head: response::Parts) -> Self {
        Self { status: head.status, version: head.version, fields: head.headers.into() }
    }
}

impl From<http::Response<Download>> for Response {
    fn from(response: http::Response<Download>) -> Self {
        let (head, body) = response.into_parts();
        Self { head: head.into(), body }
    }
}

impl Response {
    /// Returns it as HTTP/2 takes it, with room for `room` more fields.
    pub(crate) fn into_http(self, room: usize) -> http::Response<Download> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.head.status;
        *response.headers_mut() = self.head.fields.0.to_map(room);
        response
    }
}
