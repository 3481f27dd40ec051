//! The target of a request, its `Host`, and the agreement of the two.

use crate::error::RequestHeadError;
use bytes::Bytes;
use http::{Method, Uri};

/// Parses the target of a `method` request: origin-form, absolute-form with `http` or `https`, or `*` for `OPTIONS`.
pub(crate) fn parse(target: Bytes, method: &Method) -> Result<Uri, RequestHeadError> {
    if !target.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#') {
        return Err(RequestHeadError::TargetSyntax);
    }
    let absolute = match target[..] {
        [b'/', ..] => false,
        [b'*'] if *method == Method::OPTIONS => false,
        _ => true,
    };
    if absolute && !is_web(&target) {
        return Err(RequestHeadError::TargetForm);
    }
    let uri = Uri::from_maybe_shared(target).map_err(|_| RequestHeadError::TargetSyntax)?;
    if absolute && !uri.authority().is_some_and(|authority| is_authority(authority.as_str().as_bytes())) {
        return Err(RequestHeadError::TargetSyntax);
    }
    Ok(uri)
}

fn is_web(target: &[u8]) -> bool {
    let begins =
        |scheme: &[u8]| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    begins(b"http://") || begins(b"https://")
}

/// Checks a `Host` value: it must be an authority, and agree with the target's authority if the target has one. Case and
/// the scheme's default port do not matter.
///
/// # Errors
/// [`RequestHeadError::HostInvalid`] or [`RequestHeadError::HostContradictsTarget`].
pub fn check_host(host: &[u8], uri: &Uri) -> Result<(), RequestHeadError> {
    if !is_authority(host) {
        return Err(RequestHeadError::HostInvalid);
    }
    let Some(authority) = uri.authority() else { return Ok(()) };
    let default: &[u8] = if uri.scheme_str() == Some("https") { b":443" } else { b":80" };
    let plain = |name: &[u8]| name.strip_suffix(default).unwrap_or(name).to_ascii_lowercase();
    if plain(host) == plain(authority.as_str().as_bytes()) {
        Ok(())
    } else {
        Err(RequestHeadError::HostContradictsTarget)
    }
}

/// Returns whether `value` is `host[:port]`, where the host is a name of letters, digits and `-._~`, an IPv4 address, or
/// an IPv6 address in brackets.
///
/// Stricter than RFC 3986, whose registered names may contain percent escapes and delimiters that two readers could
/// interpret differently.
pub fn is_authority(value: &[u8]) -> bool {
    let (host_is_fine, port) = if let Some(rest) = value.strip_prefix(b"[") {
        let Some(close) = memchr::memchr(b']', rest) else { return false };
        let address = std::str::from_utf8(&rest[..close]).ok();
        let fine = address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
        (fine, &rest[close + 1..])
    } else {
        let end = value.iter().position(|byte| !OF_NAMES[usize::from(*byte)]).unwrap_or(value.len());
        (end > 0, &value[end..])
    };
    host_is_fine && (port.is_empty() || is_port(port))
}

/// Bytes of a host's name.
static OF_NAMES: [bool; 256] = {
    let mut of_names = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let plain = (byte as u8).is_ascii_alphanumeric();
        of_names[byte] = plain || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    of_names
};

fn is_port(port: &[u8]) -> bool {
    let [b':', digits @ ..] = port else { return false };
    (1..=5).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && digits.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0')) <= 65_535
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &'static str) -> Result<Uri, RequestHeadError> {
        parse(Bytes::from_static(target.as_bytes()), &Method::GET)
    }

    #[test]
    fn forms() {
        assert_eq!(get("/a?b=c").unwrap().path_and_query().unwrap(), "/a?b=c");
        assert_eq!(get("//a/b").unwrap().path(), "//a/b");
        assert_eq!(get("http://a.b:81/c").unwrap().authority().unwrap(), "a.b:81");
        assert_eq!(get("HTTPS://[::1]").unwrap().path(), "/");
        assert!(parse(Bytes::from_static(b"*"), &Method::OPTIONS).is_ok());
        for form in ["*", "a", "a:80", "ftp://a/", "http:/a", "?a", "javascript:x"] {
            assert_eq!(get(form), Err(RequestHeadError::TargetForm), "{form}");
        }
        for bad in
            ["/#a", "/\u{e9}", "/a\u{7f}", "http://u:p@a/", "http://", "http:///a", "http://a%41/", "/<"]
        {
            assert_eq!(get(bad), Err(RequestHeadError::TargetSyntax), "{bad}");
        }
    }

    #[test]
    fn hosts() {
        for good in ["a", "a.b-c_d", "1.2.3.4:80", "[::1]", "[2001:db8::1]:8080", "xn--a:65535"] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a:",
            "a:b",
            "a:65536",
            "a:1:2",
            "a b",
            "a/b",
            "a@b",
            "a,b",
            "[::1",
            "[::g]",
            "[::1]80",
            "a%41",
            "[1.2.3.4]",
            "a?b",
            "a\u{e9}",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn host_and_target_must_agree() {
        let uri = get("http://A.example:80/x").unwrap();
        assert_eq!(check_host(b"a.EXAMPLE", &uri), Ok(()));
        assert_eq!(check_host(b"a.example:80", &uri), Ok(()));
        assert_eq!(check_host(b"a.example:81", &uri), Err(RequestHeadError::HostContradictsTarget));
        assert_eq!(check_host(b"b.example", &uri), Err(RequestHeadError::HostContradictsTarget));
        assert_eq!(check_host(b"whatever", &get("/x").unwrap()), Ok(()));
    }
}
