//! Refusal of requests that could be read in two ways once they are written as HTTP/1.1, or that are over a limit.

use crate::{
    h1::{
        RequestHeadError,
        semantics::{check_host, has_blank_end, is_authority, list_size},
    },
    spec::LimitsSpec,
};
use http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts};

/// Refuses what HTTP/1.1 refuses, and makes one field of what HTTP/2 may split in several.
pub(super) fn check(head: &mut Parts, limits: &LimitsSpec) -> Result<(), RequestHeadError> {
    if head.method == Method::CONNECT {
        return Err(RequestHeadError::ConnectUnsupported);
    }
    target(&head.uri, &head.method, limits)?;
    cookies(&mut head.headers);
    fields(&head.headers, limits)?;
    host(&mut head.headers, &head.uri)?;
    length(&head.headers, limits)
}

/// One number, or none: h2 takes an empty `Content-Length` for 0.
fn length(headers: &HeaderMap, limits: &LimitsSpec) -> Result<(), RequestHeadError> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(()) };
    if lengths.next().is_some() {
        return Err(RequestHeadError::LengthRepeated);
    }
    let digits = length.to_str().ok().filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()));
    let length: u64 = digits.and_then(|length| length.parse().ok()).ok_or(RequestHeadError::LengthInvalid)?;
    if length > limits.body { Err(RequestHeadError::BodyTooLarge) } else { Ok(()) }
}

fn fields(headers: &HeaderMap, limits: &LimitsSpec) -> Result<(), RequestHeadError> {
    if headers.len() > limits.fields {
        return Err(RequestHeadError::TooManyFields);
    }
    if list_size(headers) > limits.head {
        return Err(RequestHeadError::HeadTooLarge);
    }
    // No token has a quote (RFC 9110, section 5.6.2), but http takes one in a name of HTTP/2.
    if headers.keys().any(|name| name.as_str().contains('"')) {
        return Err(RequestHeadError::FieldName);
    }
    // RFC 9113, section 8.2.1: HTTP/1.1 would take the blanks off.
    if headers.values().any(|value| has_blank_end(value.as_bytes())) {
        return Err(RequestHeadError::FieldValue);
    }
    let expects = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if headers.contains_key(header::EXPECT) && !headers.get_all(header::EXPECT).iter().all(expects) {
        return Err(RequestHeadError::ExpectationUnknown);
    }
    Ok(())
}

fn target(uri: &Uri, method: &Method, limits: &LimitsSpec) -> Result<(), RequestHeadError> {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    if target.len() > limits.target {
        return Err(RequestHeadError::TargetTooLong);
    }
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(RequestHeadError::TargetSyntax);
    }
    let asks_the_server_itself = target == "*" && method == Method::OPTIONS;
    if target.starts_with('/') || asks_the_server_itself { Ok(()) } else { Err(RequestHeadError::TargetForm) }
}

/// `:authority` is what routes go by, so it is what is sent on. A `Host` that says something else would be believed by
/// the endpoint instead.
fn host(headers: &mut HeaderMap, uri: &Uri) -> Result<(), RequestHeadError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Err(RequestHeadError::HostRepeated);
    }
    if let Some(host) = host {
        check_host(host.as_bytes(), uri)?;
    }
    match uri.authority() {
        None if host.is_none() => Err(RequestHeadError::HostMissing),
        None => Ok(()),
        Some(authority) if !is_authority(authority.as_str().as_bytes()) => Err(RequestHeadError::HostInvalid),
        Some(authority) => {
            let value =
                HeaderValue::from_str(authority.as_str()).map_err(|_| RequestHeadError::HostInvalid)?;
            headers.insert(header::HOST, value);
            Ok(())
        }
    }
}

/// One `Cookie` of several ([RFC 9113, section 8.2.3](https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3)).
fn cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(header::COOKIE, whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn checked(uri: &str, fields: &[(&'static str, &str)]) -> Result<HeaderMap, RequestHeadError> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut head = request.body(()).unwrap().into_parts().0;
        check(&mut head, &LimitsSpec::default()).map(|()| head.headers)
    }

    #[test]
    fn the_authority_is_the_host() {
        let host = |uri: &str, fields: &[(&'static str, &str)]| {
            checked(uri, fields).map(|headers| headers[header::HOST].to_str().unwrap().to_owned())
        };
        assert_eq!(host("http://a/", &[]).unwrap(), "a");
        assert_eq!(host("http://a:80/", &[("host", "A")]).unwrap(), "a:80");
        assert_eq!(host("/", &[("host", "a")]).unwrap(), "a");
        assert_eq!(host("/", &[]), Err(RequestHeadError::HostMissing));
        assert_eq!(host("http://a/", &[("host", "b")]), Err(RequestHeadError::HostContradictsTarget));
        assert_eq!(host("http://a/", &[("host", "a"), ("host", "a")]), Err(RequestHeadError::HostRepeated));
        assert_eq!(host("http://u@a/", &[]), Err(RequestHeadError::HostInvalid));
    }

    #[test]
    fn crumbs_make_one_cookie() {
        let headers =
            checked("http://a/", &[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]).unwrap();
        let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
    }

    #[test]
    fn crumbs_count_as_one_field() {
        let crumbs = [("cookie", "a=1"); 101];
        assert_eq!(checked("http://a/", &crumbs).unwrap().len(), 2);
    }

    #[test]
    fn what_http_1_would_read_otherwise_is_refused() {
        for value in [" a", "a ", "\ta", "a\t", " "] {
            assert_eq!(
                checked("http://a/", &[("x", value)]).unwrap_err(),
                RequestHeadError::FieldValue,
                "{value:?}"
            );
        }
        assert!(checked("http://a/", &[("x", ""), ("y", "a b")]).is_ok());
        let mut quoted = Request::get("http://a/").body(()).unwrap().into_parts().0;
        let name = http::HeaderName::from_lowercase(b"\"content-length").unwrap();
        quoted.headers.insert(name, HeaderValue::from_static("0"));
        assert_eq!(check(&mut quoted, &LimitsSpec::default()), Err(RequestHeadError::FieldName));
        assert_eq!(
            checked("http://a/", &[("expect", "a")]).unwrap_err(),
            RequestHeadError::ExpectationUnknown
        );
        assert!(checked("http://a/", &[("expect", "100-Continue")]).is_ok());
    }

    #[test]
    fn a_length_is_one_number() {
        let length = |values: &[&str]| {
            let fields: Vec<_> = values.iter().map(|value| ("content-length", *value)).collect();
            checked("http://a/", &fields).map(drop)
        };
        assert_eq!(length(&["5"]), Ok(()));
        for wrong in ["", "+5", "5, 5", "0x5", "18446744073709551616"] {
            assert_eq!(length(&[wrong]), Err(RequestHeadError::LengthInvalid), "{wrong:?}");
        }
        assert_eq!(length(&["5", "5"]), Err(RequestHeadError::LengthRepeated));
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let long = format!("http://a/{}", "x".repeat(8192));
        assert_eq!(checked(&long, &[]).unwrap_err(), RequestHeadError::TargetTooLong);
        assert_eq!(checked("http://a/", &[("x", "y"); 101]).unwrap_err(), RequestHeadError::TooManyFields);
        let large = "y".repeat(32 * 1024);
        assert_eq!(checked("http://a/", &[("x", &large)]).unwrap_err(), RequestHeadError::HeadTooLarge);
        let length = [("content-length", "1073741825")];
        assert_eq!(checked("http://a/", &length).unwrap_err(), RequestHeadError::BodyTooLarge);
    }
}
