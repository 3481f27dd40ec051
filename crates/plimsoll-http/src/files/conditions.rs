//! Conditional requests, in the order of [RFC 9110, section
//! 13.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2).

use super::validators::Validators;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use httpdate::HttpDate;

/// The result of the conditions of a GET or HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConditionResult {
    /// The conditions hold: the response is the usual one.
    Proceed,
    /// The caller has the representation already: 304.
    NotModified,
    /// The representation is not the one that the caller expects: 412.
    PreconditionFailed,
}

pub(super) fn check(headers: &HeaderMap, now: &Validators) -> ConditionResult {
    if headers.contains_key(header::IF_MATCH) {
        if !any_tag(headers, header::IF_MATCH, |tag| tag.strong && now.matches_strongly(tag.opaque)) {
            return ConditionResult::PreconditionFailed;
        }
    } else if date(headers, &header::IF_UNMODIFIED_SINCE).is_some_and(|date| !now.unchanged_since(date)) {
        return ConditionResult::PreconditionFailed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        if any_tag(headers, header::IF_NONE_MATCH, |tag| now.matches_weakly(tag.opaque)) {
            return ConditionResult::NotModified;
        }
    } else if date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|date| now.unchanged_since(date)) {
        return ConditionResult::NotModified;
    }
    ConditionResult::Proceed
}

/// Returns whether a `Range` may be honoured: without `If-Range` always, with it only if the caller's part has the same
/// validator.
pub(super) fn range_holds(headers: &HeaderMap, now: &Validators) -> bool {
    let Some(value) = headers.get(header::IF_RANGE) else { return true };
    match read_tag(value.as_bytes()) {
        Some((tag, rest)) => rest.trim_ascii().is_empty() && tag.strong && now.matches_strongly(tag.opaque),
        None => http_date(value).is_some_and(|date| now.is_exactly(date)),
    }
}

#[derive(Clone, Copy)]
struct Tag<'a> {
    strong: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

/// Returns whether the field is `*` or `right` accepts any of its tags. A malformed tag matches nothing.
fn any_tag(headers: &HeaderMap, name: HeaderName, right: impl Fn(Tag<'_>) -> bool) -> bool {
    headers.get_all(name).iter().any(|value| {
        let mut rest = value.as_bytes().trim_ascii();
        if rest == b"*" {
            return true;
        }
        loop {
            while let [b',' | b' ' | b'\t', after @ ..] = rest {
                rest = after;
            }
            let Some((tag, after)) = read_tag(rest) else { return false };
            if right(tag) {
                return true;
            }
            rest = after;
        }
    })
}

fn read_tag(bytes: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let (strong, quoted) = bytes.strip_prefix(b"W/").map_or((true, bytes), |rest| (false, rest));
    let inner = quoted.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', inner)? + 2;
    Some((Tag { strong, opaque: &quoted[..end] }, &quoted[end..]))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<HttpDate> {
    let mut values = headers.get_all(name).iter();
    // Two dates are none.
    values.next().filter(|_| values.next().is_none()).and_then(http_date)
}

fn http_date(value: &HeaderValue) -> Option<HttpDate> {
    value.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{super::open::Seen, *};
    use std::time::{Duration, UNIX_EPOCH};

    const TAG: &str = "\"3635c9adc5dea00000-7\"";
    const DATE: &str = "Sun, 18 May 2003 01:46:40 GMT";
    const BEFORE: &str = "Sun, 18 May 2003 01:46:39 GMT";
    const AFTER: &str = "Sun, 18 May 2003 01:46:41 GMT";

    fn validators(age: u64) -> Validators {
        let modified = UNIX_EPOCH + Duration::from_secs(1_053_222_400);
        Validators::new(Seen { len: 7, modified }, None, modified + Duration::from_secs(age))
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn tag() -> String {
        validators(60).etag().to_str().unwrap().to_owned()
    }

    #[test]
    fn conditions_in_the_order_of_the_rfc() {
        let tag = tag();
        let weak = format!("W/{tag}");
        let several = format!("\"a,b\", {weak} ,\"c\"");
        for (fields, result) in [
            (&[][..], ConditionResult::Proceed),
            (&[("if-match", "*")], ConditionResult::Proceed),
            (&[("if-match", &tag)], ConditionResult::Proceed),
            (&[("if-match", &weak)], ConditionResult::PreconditionFailed),
            (&[("if-match", TAG)], ConditionResult::PreconditionFailed),
            (&[("if-match", "no tag")], ConditionResult::PreconditionFailed),
            (&[("if-match", &tag), ("if-unmodified-since", BEFORE)], ConditionResult::Proceed),
            (&[("if-unmodified-since", BEFORE)], ConditionResult::PreconditionFailed),
            (&[("if-unmodified-since", DATE)], ConditionResult::Proceed),
            (&[("if-unmodified-since", "yesterday")], ConditionResult::Proceed),
            (&[("if-none-match", "*")], ConditionResult::NotModified),
            (&[("if-none-match", &tag)], ConditionResult::NotModified),
            (&[("if-none-match", &weak)], ConditionResult::NotModified),
            (&[("if-none-match", &several)], ConditionResult::NotModified),
            (&[("if-none-match", TAG)], ConditionResult::Proceed),
            (&[("if-none-match", TAG), ("if-modified-since", AFTER)], ConditionResult::Proceed),
            (&[("if-none-match", "\"unclosed")], ConditionResult::Proceed),
            (&[("if-modified-since", BEFORE)], ConditionResult::Proceed),
            (&[("if-modified-since", DATE)], ConditionResult::NotModified),
            (&[("if-modified-since", AFTER)], ConditionResult::NotModified),
            (&[("if-modified-since", "0")], ConditionResult::Proceed),
            (&[("if-match", TAG), ("if-none-match", &tag)], ConditionResult::PreconditionFailed),
            (&[("if-match", &tag), ("if-none-match", &tag)], ConditionResult::NotModified),
        ] {
            assert_eq!(check(&headers(fields), &validators(60)), result, "{fields:?}");
        }
    }

    #[test]
    fn a_range_is_of_the_state_that_the_caller_has() {
        let tag = tag();
        for (value, holds) in [
            (tag.as_str(), true),
            (&format!("W/{tag}"), false),
            (&format!("{tag}, \"b\""), false),
            (TAG, false),
            (DATE, true),
            (BEFORE, false),
            (AFTER, false),
            ("*", false),
        ] {
            assert_eq!(range_holds(&headers(&[("if-range", value)]), &validators(60)), holds, "{value}");
        }
        assert!(range_holds(&HeaderMap::new(), &validators(60)));
    }

    #[test]
    fn a_file_changed_just_now_has_a_weak_tag() {
        let (fresh, settled) = (validators(1), validators(2));
        assert_eq!(fresh.etag(), format!("W/{}", tag()).as_str());
        assert_eq!(settled.etag(), tag().as_str());
        for value in [tag().as_str(), DATE] {
            assert!(!range_holds(&headers(&[("if-range", value)]), &fresh), "{value}");
            assert!(range_holds(&headers(&[("if-range", value)]), &settled), "{value}");
        }
        assert_eq!(check(&headers(&[("if-match", &tag())]), &fresh), ConditionResult::PreconditionFailed);
        assert_eq!(check(&headers(&[("if-none-match", &tag())]), &fresh), ConditionResult::NotModified);
    }
}
