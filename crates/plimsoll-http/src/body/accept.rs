use super::{
    Format,
    media_type::{MediaType, members},
};
use http::HeaderValue;

/// The most ranges of an `Accept` that are read. Browsers send five to eight.
const RANGES: usize = 32;

/// The most bytes of an `Accept` that are read, over all its lines.
const BYTES: usize = 4096;

/// The format of the response, and its media type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    pub(super) format: Format,
    pub(super) media_type: &'static str,
}

/// How well a range matches a media type: not at all, by `*/*`, by its type, by both. The best match decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fit {
    Anything,
    Type,
    Exact,
}

/// Returns the offered format with the greatest weight ([RFC 9110, 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1));
/// among equals the one offered first. `None` if none is acceptable.
///
/// Takes time linear in the header, up to [`BYTES`] and [`RANGES`]; the rest is ignored. Parameters other than `q` are
/// ignored, and so are malformed ranges and ranges with a malformed weight. `*` is read as `*/*` and `.2` as `0.2`, as Java's
/// `HttpURLConnection` writes them.
pub(super) fn choose<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue> + Copy,
    offered: &[Format],
) -> Option<Choice> {
    let mut best: Option<(u16, Choice)> = None;
    let mut asked = false;
    for format in offered {
        let mut matched: Option<(Fit, u16, &'static str)> = None;
        for range in ranges(lines) {
            let Some(weight) = weight(&range) else { continue };
            asked = true;
            let Some((fit, media_type)) = fit(range.essence, *format) else { continue };
            let better = matched.is_none_or(|(known, heaviest, _)| (fit, weight) > (known, heaviest));
            if better {
                matched = Some((fit, weight, media_type));
            }
        }
        if let Some((_, weight, media_type)) = matched
            && weight > 0
            && best.is_none_or(|(heaviest, _)| weight > heaviest)
        {
            best = Some((weight, Choice { format: *format, media_type }));
        }
    }
    if asked { best.map(|(_, choice)| choice) } else { first(offered) }
}

/// Returns the format for a client that states no preference.
pub(super) fn first(offered: &[Format]) -> Option<Choice> {
    offered.first().map(|format| Choice { format: *format, media_type: format.media_type() })
}

fn ranges<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> impl Iterator<Item = MediaType<'a>> {
    let mut left = BYTES;
    lines
        .into_iter()
        .filter_map(move |line| {
            let text = line.to_str().ok()?;
            // The member that the bound cuts in two is dropped: half a range may have another meaning.
            let within =
                if text.len() <= left { text } else { text[..left].rsplit_once(',').map_or("", |cut| cut.0) };
            left = left.saturating_sub(text.len());
            Some(members(within))
        })
        .flatten()
        .take(RANGES)
        .filter_map(MediaType::parse_range)
}

fn fit(range: &str, format: Format) -> Option<(Fit, &'static str)> {
    if matches!(range, "*/*" | "*") {
        return Some((Fit::Anything, format.media_type()));
    }
    if let Some(main) = range.strip_suffix("/*") {
        let (own, _) = format.media_type().split_once('/')?;
        return own.eq_ignore_ascii_case(main).then_some((Fit::Type, format.media_type()));
    }
    let named = format.media_types().iter().find(|media_type| media_type.eq_ignore_ascii_case(range))?;
    Some((Fit::Exact, named))
}

/// Returns the weight in thousandths; `None` if it is malformed.
fn weight(range: &MediaType<'_>) -> Option<u16> {
    let found = range.parameters().find(|(name, _)| name.eq_ignore_ascii_case("q"));
    found.map_or(Some(1000), |(_, value)| thousandths(value))
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    // `.2`, but not `.`.
    let whole = if whole.is_empty() && !fraction.is_empty() { "0" } else { whole };
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let fraction = fraction.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chosen(lines: &[&str], offered: &[Format]) -> Option<&'static str> {
        let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_str(line).unwrap()).collect();
        choose(&lines, offered).map(|choice| choice.media_type)
    }

    const JSON: &[Format] = &[Format::Json];

    #[test]
    fn who_says_nothing_gets_the_first() {
        assert_eq!(chosen(&[], JSON), Some("application/json"));
        assert_eq!(chosen(&[""], JSON), Some("application/json"));
        assert_eq!(chosen(&["nonsense"], JSON), Some("application/json"));
    }

    #[test]
    fn wildcards_fit() {
        assert_eq!(chosen(&["*/*"], JSON), Some("application/json"));
        assert_eq!(chosen(&["text/html, application/*;q=0.1"], JSON), Some("application/json"));
        assert_eq!(chosen(&["text/*"], JSON), None);
        assert_eq!(chosen(&["image/png"], JSON), None);
    }

    #[test]
    fn clients_of_java_get_a_response() {
        // `HttpURLConnection` sends this unless it is told what to send.
        assert_eq!(
            chosen(&["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"], JSON),
            Some("application/json")
        );
        assert_eq!(chosen(&["text/html, *; q=.2"], JSON), Some("application/json"));
        assert_eq!(chosen(&["text/html, *"], JSON), Some("application/json"));
    }

    #[test]
    fn a_malformed_part_is_disregarded_and_the_rest_is_not() {
        for (lines, found) in [
            (&["application/json;q=2"][..], Some("application/json")),
            (&["text/html;q=x, application/json"], Some("application/json")),
            (&["text/html, application/json;q=high"], None),
            (&["text/html, json, a/b/c, ;q=1, */*;q=0.1"], Some("application/json")),
            (&["*/json", "text/html"], None),
            (&["application/json;q=0, */*;q=x"], None),
        ] {
            assert_eq!(chosen(lines, JSON), found, "{lines:?}");
        }
    }

    #[test]
    fn the_best_fit_decides_and_zero_excludes() {
        assert_eq!(chosen(&["*/*, application/json;q=0"], JSON), None);
        assert_eq!(chosen(&["application/*;q=0, */*"], JSON), None);
        assert_eq!(chosen(&["application/*;q=0, application/json;q=0.001"], JSON), Some("application/json"));
        assert_eq!(chosen(&["application/json;q=0", "text/html"], JSON), None);
        assert_eq!(chosen(&["application/json; charset=utf-8; Q=0.5"], JSON), Some("application/json"));
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn weights_first_then_the_order_of_the_offer() {
        const BOTH: &[Format] = &[Format::Json, Format::MessagePack];
        assert_eq!(chosen(&["application/msgpack, application/json"], BOTH), Some("application/json"));
        assert_eq!(
            chosen(&["application/json;q=0.9", "application/msgpack"], BOTH),
            Some("application/msgpack")
        );
        assert_eq!(chosen(&["*/*;q=0.5, application/x-msgpack"], BOTH), Some("application/x-msgpack"));
        assert_eq!(chosen(&["application/json;q=0, */*"], BOTH), Some("application/msgpack"));
        assert_eq!(chosen(&["application/json;q=0.2, */*;q=0.3"], BOTH), Some("application/msgpack"));
    }

    #[test]
    fn thousandths_as_the_grammar_has_them() {
        for (text, value) in
            [("0", 0), ("0.", 0), ("0.5", 500), (".2", 200), ("0.123", 123), ("1", 1000), ("1.000", 1000)]
        {
            assert_eq!(thousandths(text), Some(value), "{text}");
        }
        for text in ["", ".", "1.001", "2", "0.1234", "-1", "0.x", "00", "1e0", "NaN"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }

    #[test]
    fn what_lies_beyond_the_bound_is_not_there() {
        let mut long = "text/html,".repeat(RANGES);
        long.push_str("application/json");
        assert_eq!(chosen(&[&long], JSON), None);
        let long = format!("text/html;x={},application/json", "y".repeat(BYTES));
        assert_eq!(chosen(&[&long], JSON), Some("application/json"), "nothing was understood of it");
        // Cut within `application/json;q=0`, the rest would say the opposite.
        let cut = format!("text/html;x={},application/json;q=0", "y".repeat(BYTES - 29));
        assert_eq!(chosen(&[&cut], JSON), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(32_u8..=255, 0..5000)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = choose(&[value.clone(), value], JSON);
            }
        }
    }
}
