//! The `Range` field of [RFC 9110, section 14](https://www.rfc-editor.org/rfc/rfc9110#section-14).

use smallvec::SmallVec;

/// Bytes from `start` up to, not including, `end`; never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Almost every request has one range.
pub(super) type Spans = SmallVec<[Span; 1]>;

/// The result of a `Range`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// No range, a malformed one, or too many: the whole.
    Whole,
    /// At least one range; they neither overlap nor touch.
    Parts(Spans),
    /// All ranges are outside of the representation: 416.
    Nothing,
}

/// The gap below which two ranges are sent as one: a part's head is longer.
pub(super) const GAP: u64 = 128;

/// Parses a field for a representation of `len` bytes. At most `most` ranges are served, never more bytes than the whole.
pub(super) fn read(field: &[u8], len: u64, most: usize) -> Asked {
    // Some clients always send a range; an empty representation is sent whole.
    if len == 0 {
        return Asked::Whole;
    }
    let Some(equals) = memchr::memchr(b'=', field) else { return Asked::Whole };
    let (unit, list) = (&field[..equals], &field[equals + 1..]);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Asked::Whole;
    }
    let mut spans = Spans::new();
    let mut count = 0;
    for each in list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|each| !each.is_empty()) {
        count += 1;
        let Some(read) = spec(each, len) else { return Asked::Whole };
        if count > most {
            return Asked::Whole;
        }
        spans.extend(read.satisfiable(len));
    }
    match (count, spans.is_empty()) {
        (0, _) => Asked::Whole,
        (_, true) => Asked::Nothing,
        _ => Asked::Parts(joined(spans)),
    }
}

/// A range as written, with an exclusive end.
struct Spec {
    first: u64,
    end: u64,
}

impl Spec {
    fn satisfiable(&self, len: u64) -> Option<Span> {
        let (start, end) = (self.first, self.end.min(len));
        (start < end).then_some(Span { start, end })
    }
}

fn spec(text: &[u8], len: u64) -> Option<Spec> {
    let dash = memchr::memchr(b'-', text)?;
    match (&text[..dash], &text[dash + 1..]) {
        (b"", suffix) => Some(Spec { first: len.saturating_sub(number(suffix)?), end: len }),
        (first, b"") => Some(Spec { first: number(first)?, end: u64::MAX }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec { first, end: last.saturating_add(1) })
        }
    }
}

/// Parses digits alone. A number too large for the type counts as the largest, which is past the end of every file.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(sum.saturating_mul(10).saturating_add(digit))
    })
}

/// Returns the ranges in the client's order, with near ones joined.
fn joined(spans: Spans) -> Spans {
    if spans.len() == 1 {
        return spans;
    }
    let mut sorted = spans.clone();
    sorted.sort_unstable_by_key(|span| span.start);
    let near = |one: &Span, next: &Span| next.start < one.end.saturating_add(GAP);
    if !sorted.windows(2).any(|pair| near(&pair[0], &pair[1])) {
        return spans;
    }
    let mut joined = Spans::new();
    for span in sorted {
        match joined.last_mut() {
            Some(last) if near(last, &span) => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(pairs: &[(u64, u64)]) -> Asked {
        Asked::Parts(pairs.iter().map(|(start, end)| Span { start: *start, end: *end }).collect())
    }

    #[test]
    fn the_cases_of_the_rfc() {
        for (field, asked) in [
            ("bytes=0-499", parts(&[(0, 500)])),
            ("bytes=500-999", parts(&[(500, 1000)])),
            ("bytes=-500", parts(&[(9500, 10_000)])),
            ("bytes=9500-", parts(&[(9500, 10_000)])),
            ("bytes=0-0,-1", parts(&[(0, 1), (9999, 10_000)])),
            ("bytes=9000-9099,0-99", parts(&[(9000, 9100), (0, 100)])),
            ("bytes= 0-999, 4500-5499, -1000", parts(&[(0, 1000), (4500, 5500), (9000, 10_000)])),
            ("bytes=500-600,601-999", parts(&[(500, 1000)])),
            ("bytes=500-700,601-999,0-9", parts(&[(0, 10), (500, 1000)])),
            ("BYTES=0-0", parts(&[(0, 1)])),
            ("bytes=,0-0,,", parts(&[(0, 1)])),
            ("bytes=0-99999999999999999999999999", parts(&[(0, 10_000)])),
            ("bytes=-20000", parts(&[(0, 10_000)])),
            ("bytes=0-1,10000-", parts(&[(0, 2)])),
            ("bytes=10000-", Asked::Nothing),
            ("bytes=99999999999999999999999999-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=10000-10001,-0", Asked::Nothing),
            ("bytes=", Asked::Whole),
            ("bytes", Asked::Whole),
            ("", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=5-1", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=0-1;2-3", Asked::Whole),
            ("bytes=+0-1", Asked::Whole),
            ("bytes=0x1-2", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes =0-1", Asked::Whole),
            ("bytes=0-1,garbage", Asked::Whole),
        ] {
            assert_eq!(read(field.as_bytes(), 10_000, 8), asked, "{field}");
        }
    }

    #[test]
    fn no_bytes_are_always_all_there() {
        assert_eq!(read(b"bytes=0-", 0, 8), Asked::Whole);
    }

    #[test]
    fn more_ranges_than_are_served_are_the_whole() {
        let field = |count: u64| {
            let list: Vec<String> = (0..count).map(|at| format!("{0}-{0}", at * 1000)).collect();
            format!("bytes={}", list.join(","))
        };
        assert!(matches!(read(field(8).as_bytes(), 10_000, 8), Asked::Parts(spans) if spans.len() == 8));
        assert_eq!(read(field(9).as_bytes(), 10_000, 8), Asked::Whole);
    }

    /// One range as a caller writes it, and whether it means a byte.
    fn any_spec() -> impl Strategy<Value = (String, u64, u64)> {
        let len = 1000_u64;
        prop_oneof![
            (0_u64..1300, 0_u64..1300).prop_map(|(a, b)| (
                format!("{}-{}", a.min(b), a.max(b)),
                a.min(b),
                a.max(b) + 1
            )),
            (0_u64..1300).prop_map(|a| (format!("{a}-"), a, u64::MAX)),
            (0_u64..1300).prop_map(move |n| (format!("-{n}"), len.saturating_sub(n), len)),
        ]
    }

    proptest! {
        /// Against a model that looks at every byte for itself.
        #[test]
        fn every_byte_asked_for_and_few_others(specs in prop::collection::vec(any_spec(), 1..6)) {
            let len = 1000_u64;
            let list: Vec<&str> = specs.iter().map(|(text, ..)| text.as_str()).collect();
            let wanted = |at: u64| specs.iter().any(|(_, start, end)| (*start..*end).contains(&at));
            match read(format!("bytes={}", list.join(",")).as_bytes(), len, 8) {
                Asked::Whole => prop_assert!(false, "each of them can be read"),
                Asked::Nothing => prop_assert!(!(0..len).any(wanted)),
                Asked::Parts(spans) => {
                    let sent = |at: u64| spans.iter().filter(|span| (span.start..span.end).contains(&at)).count();
                    let mut idle = 0;
                    for at in 0..len {
                        prop_assert!(sent(at) <= 1, "byte {} twice", at);
                        prop_assert!(!wanted(at) || sent(at) == 1, "byte {} is missing", at);
                        idle = if sent(at) == 1 && !wanted(at) { idle + 1 } else { 0 };
                        prop_assert!(idle < GAP, "nobody asked for byte {}", at);
                    }
                    prop_assert!(spans.iter().all(|span| span.start < span.end && span.end <= len));
                }
            }
        }

        #[test]
        fn nothing_makes_it_panic(field in ".{0,40}", len: u64) {
            if let Asked::Parts(spans) = read(field.as_bytes(), len, 8) {
                prop_assert!(spans.iter().all(|span| span.start < span.end && span.end <= len));
            }
        }
    }
}
