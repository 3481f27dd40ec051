//! The fields by which an endpoint is told of the client and of this hop.
//!
//! They are the same for one request of a connection after the other as long as these ask the same host, so they are
//! made and encoded once.

use super::{
    forward::via,
    message::{Fields, RequestHead},
};
use crate::h1::{EncodedFields, FieldWriter};
use http::{HeaderName, Version, header};
use plimsoll::{
    driver::Fields as _,
    http::headers::{Forwarded, Forwarding},
};
use std::{cell::RefCell, rc::Rc};

/// The fields about the client of a request, and `Via`.
#[derive(Debug)]
pub(crate) struct ClientFields {
    host: Box<[u8]>,
    version: Version,
    forwarded: Forwarded,
    encoded: EncodedFields,
}

/// The fields that were last made for a connection.
#[derive(Debug, Default)]
pub(crate) struct LastClientFields(RefCell<Option<Rc<ClientFields>>>);

impl ClientFields {
    fn new(forwarding: &Forwarding<'_>, head: &mut RequestHead) -> Self {
        let host = host(&head.fields).into();
        let forwarded = forwarding.forwarded_headers(&mut head.fields);
        let version = head.version;
        let encoded = EncodedFields::new(|fields: &mut FieldWriter<'_>| {
            each(&forwarded, version, |name, value| {
                fields.field(name, value);
            });
        });
        Self { host, version, forwarded, encoded }
    }

    /// Returns whether the peer said for whom it asks, and was not believed.
    pub(crate) const fn is_doubted(&self) -> bool {
        self.forwarded.is_doubted()
    }

    /// Returns them as they are sent over HTTP/1.1.
    pub(crate) const fn encoded(&self) -> &EncodedFields {
        &self.encoded
    }

    /// Passes each field to `put`.
    pub(crate) fn each(&self, put: impl FnMut(&HeaderName, &[u8])) {
        each(&self.forwarded, self.version, put);
    }
}

impl LastClientFields {
    /// Returns the fields for a request of this connection, and takes off its head what they replace.
    pub(crate) fn of(&self, forwarding: &Forwarding<'_>, head: &mut RequestHead) -> Rc<ClientFields> {
        if !Forwarding::is_direct(&head.fields) {
            return Rc::new(ClientFields::new(forwarding, head));
        }
        let mut last = self.0.borrow_mut();
        match &*last {
            Some(last) if last.version == head.version && *last.host == *host(&head.fields) => {
                Rc::clone(last)
            }
            _ => Rc::clone(last.insert(Rc::new(ClientFields::new(forwarding, head)))),
        }
    }
}

fn host(fields: &Fields) -> &[u8] {
    fields.value_of(&header::HOST).unwrap_or_default()
}

fn each(forwarded: &Forwarded, version: Version, mut put: impl FnMut(&HeaderName, &[u8])) {
    forwarded.for_each(&mut put);
    put(&header::VIA, via(version).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use plimsoll::http::headers::Scheme;

    fn told(last: &LastClientFields, request: http::request::Builder) -> Vec<String> {
        let peer = [192, 0, 2, 1].into();
        let forwarding = Forwarding { peer, scheme: Scheme::Http, trusted: &[] };
        let mut head = RequestHead::from(request.body(()).unwrap().into_parts().0);
        let mut told = Vec::new();
        last.of(&forwarding, &mut head).each(|name, value| {
            told.push(format!("{name}: {}", String::from_utf8_lossy(value)));
        });
        told
    }

    #[test]
    fn another_host_or_version_and_what_a_stranger_says_make_others() {
        let last = LastClientFields::default();
        let get = |host: &str| Request::get("/").header("host", host);
        let of = |host: &str, version: &str| {
            [
                "x-forwarded-for: 192.0.2.1".to_owned(),
                format!("forwarded: for=192.0.2.1;proto=http;host=\"{host}\""),
                "x-forwarded-proto: http".to_owned(),
                format!("x-forwarded-host: {host}"),
                format!("via: {version} plimsoll"),
            ]
        };
        assert_eq!(told(&last, get("a")), of("a", "1.1"));
        assert_eq!(told(&last, get("b")), of("b", "1.1"));
        assert_eq!(told(&last, get("b").version(Version::HTTP_10)), of("b", "1.0"));
        assert_eq!(told(&last, get("a").header("x-forwarded-for", "6.6.6.6")), of("a", "1.1"));
        assert_eq!(told(&last, get("a")), of("a", "1.1"));
    }

    #[test]
    fn the_same_are_not_made_again() {
        let last = LastClientFields::default();
        told(&last, Request::get("/").header("host", "a"));
        let first = last.0.borrow().clone().unwrap();
        told(&last, Request::get("/other").header("host", "a").header("cookie", "1"));
        assert!(Rc::ptr_eq(&first, last.0.borrow().as_ref().unwrap()));
    }
}
