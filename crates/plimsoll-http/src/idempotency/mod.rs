//! Which requests may be sent twice.

use http::{HeaderMap, HeaderName, Method};

/// The header by which a client makes an unsafe request safe to repeat
/// ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Whether sending the request twice does what sending it once does.
///
/// True for the methods that [RFC 9110, section 9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2) calls
/// idempotent, and for a request with one non-empty `Idempotency-Key`: the peer sorts out the twins.
pub fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    if [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE]
        .contains(method)
    {
        return true;
    }
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    matches!((keys.next(), keys.next()), (Some(key), None) if !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_makes_a_post_safe_and_two_make_it_doubtful() {
        let mut headers = HeaderMap::new();
        assert!(is_idempotent(&Method::GET, &headers));
        assert!(!is_idempotent(&Method::POST, &headers));
        assert!(!is_idempotent(&Method::PATCH, &headers));
        headers.insert(IDEMPOTENCY_KEY, "\"8e03978e\"".parse().unwrap());
        assert!(is_idempotent(&Method::POST, &headers));
        headers.append(IDEMPOTENCY_KEY, "other".parse().unwrap());
        assert!(!is_idempotent(&Method::POST, &headers));
        headers.insert(IDEMPOTENCY_KEY, "".parse().unwrap());
        assert!(!is_idempotent(&Method::POST, &headers));
    }
}
