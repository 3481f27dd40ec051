//! A request as it arrives: what two readers would take differently is made one, or refused, before anybody looks at it.
//!
//! Route, rate limit, log and endpoint all see what comes of it: [`Arrived`] is the only way from a connection to
//! [`handle`](super::handle).
//!
//! | file | what |
//! | --- | --- |
//! | `authority` | the host that is asked |
//! | `names` | names of headers and trailers |
//! | `stop` | why a request goes no further |

mod authority;
mod names;
mod stop;

pub(crate) use names::{TrailerError, Trailing};
pub(crate) use stop::Stop;

use crate::{
    proxy::{Fields, RequestHead},
    spec::ListenerSpec,
};
use http::{HeaderName, HeaderValue, Method, Uri, header, uri::PathAndQuery};
use plimsoll::{
    driver::{Fields as _, FieldsMut as _},
    http::path,
};
use std::{borrow::Cow, net::SocketAddr};

/// The head of a request that has been looked at.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    // Borrowed: a head is large, and each move of one is a copy.
    head: &'a mut RequestHead,
    stop: Option<Stop>,
}

/// The head of a request of which each part has one spelling.
#[derive(Debug)]
pub(crate) struct Settled<'a>(&'a mut RequestHead);

impl<'a> Arrived<'a> {
    /// Looks at a request that came by this listener; `local` gives the address that a client of HTTP/1.0, which may name
    /// no host, has connected to.
    pub(crate) fn new(
        head: &'a mut RequestHead,
        listener: &ListenerSpec,
        local: &dyn Fn() -> Option<SocketAddr>,
    ) -> Self {
        let stop = settle(head, listener, local).err();
        Self { head, stop }
    }

    /// As far as it could be settled.
    pub(crate) fn head(&self) -> &RequestHead {
        self.head
    }

    /// Returns the head of the request to be handled, or why it goes no further, with what is known of it.
    pub(crate) fn ready(self) -> Result<Settled<'a>, (Stop, &'a RequestHead)> {
        match self.stop {
            None => Ok(Settled(self.head)),
            Some(stop) => Err((stop, self.head)),
        }
    }
}

impl<'a> Settled<'a> {
    pub(crate) fn into_inner(self) -> &'a mut RequestHead {
        self.0
    }
}

fn settle(
    head: &mut RequestHead,
    listener: &ListenerSpec,
    local: &dyn Fn() -> Option<SocketAddr>,
) -> Result<(), Stop> {
    names::settle(&mut head.fields, listener.header_names)?;
    authority::settle(head, local)?;
    match head.method {
        Method::TRACE => return Err(Stop::Trace),
        Method::OPTIONS => {
            if head.uri.path() == "*" {
                return Err(Stop::Own);
            }
            hop(&mut head.fields)?;
        }
        _ => {}
    }
    let clean = match path::canonical(head.uri.path(), listener.paths).map_err(Stop::Path)? {
        Cow::Borrowed(_) => return Ok(()),
        Cow::Owned(clean) => clean,
    };
    let target = match head.uri.query() {
        Some(query) => format!("{clean}?{query}"),
        None => clean,
    };
    let target = PathAndQuery::try_from(target).map_err(|_| Stop::Target)?;
    head.uri = Uri::from(target);
    Ok(())
}

/// Counts this hop of an `OPTIONS`
/// ([RFC 9110, section 7.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.2)).
fn hop(fields: &mut Fields) -> Result<(), Stop> {
    const NAME: HeaderName = header::MAX_FORWARDS;
    let Some(value) = fields.value_of(&NAME) else { return Ok(()) };
    if fields.values_of(&NAME).count() > 1 {
        return Err(Stop::MaxForwards);
    }
    let digits = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let left: u64 = digits.and_then(|text| text.parse().ok()).ok_or(Stop::MaxForwards)?;
    let Some(left) = left.checked_sub(1) else { return Err(Stop::Own) };
    fields.set(NAME, HeaderValue::from(left));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::HeaderNames;
    use http::Request;

    fn arrived(request: http::request::Builder) -> Result<RequestHead, Stop> {
        let listener = ListenerSpec::new(([127, 0, 0, 1], 80).into());
        let local = || Some(([192, 0, 2, 7], 8080).into());
        let mut head = RequestHead::from(request.body(()).unwrap().into_parts().0);
        Arrived::new(&mut head, &listener, &local).ready().map_err(|(stop, _)| stop)?;
        Ok(head)
    }

    #[test]
    fn target_and_host_have_one_spelling_afterwards() {
        for (uri, host, target, one) in [
            ("/%61//b?%61//b", "Shop.Example.:80", "/a/b?%61//b", "shop.example:80"),
            ("http://A.b./x/../y?", "a.b", "/y?", "a.b"),
            ("http://a?b", "a", "/?b", "a"),
            ("http://a", "a", "/", "a"),
        ] {
            let request = arrived(Request::get(uri).header("host", host)).unwrap();
            assert_eq!(
                (request.uri.to_string().as_str(), request.fields.value_of(&header::HOST)),
                (target, Some(one.as_bytes()))
            );
        }
        let request = arrived(Request::get("http://A:81/x")).unwrap();
        assert_eq!(
            (&request.uri, request.fields.value_of(&header::HOST)),
            (&Uri::from_static("/x"), Some(&b"a:81"[..]))
        );
    }

    #[test]
    fn a_client_of_http_1_0_has_asked_the_address_it_connected_to() {
        let request = arrived(Request::get("/").version(http::Version::HTTP_10)).unwrap();
        assert_eq!(request.fields.value_of(&header::HOST), Some(&b"192.0.2.7:8080"[..]));
    }

    #[test]
    fn max_forwards_is_counted_and_ends_here() {
        let options = |value: &str| {
            arrived(Request::options("/a").header("host", "a").header("max-forwards", value))
                .map(|request| request.fields.0.to_map(0)["max-forwards"].clone())
        };
        assert_eq!(options("5").unwrap(), "4");
        assert_eq!(options("0"), Err(Stop::Own));
        for wrong in ["", "-1", "+1", "a", "1, 2", "99999999999999999999"] {
            assert_eq!(options(wrong), Err(Stop::MaxForwards), "{wrong}");
        }
        let get = arrived(Request::get("/a").header("host", "a").header("max-forwards", "0")).unwrap();
        assert_eq!(get.fields.value_of(&header::MAX_FORWARDS), Some(&b"0"[..]));
    }

    #[test]
    fn what_goes_no_further() {
        let stop = |request: http::request::Builder| arrived(request.header("host", "a")).unwrap_err();
        assert_eq!(stop(Request::builder().method("TRACE").uri("/")), Stop::Trace);
        assert_eq!(stop(Request::options("*")), Stop::Own);
        assert_eq!(stop(Request::get("/a%2fb")), Stop::Path(path::PathRuleError::EncodedSlash));
        let odd = Request::get("/").header("host", "a").header("x_user", "1").body(()).unwrap();
        let mut odd = RequestHead::from(odd.into_parts().0);
        let listener = ListenerSpec {
            header_names: HeaderNames::Refuse,
            ..ListenerSpec::new(([127, 0, 0, 1], 80).into())
        };
        assert_eq!(Arrived::new(&mut odd, &listener, &|| None).ready().unwrap_err().0, Stop::HeaderName);
    }
}
