//! The trace a request belongs to ([W3C Trace Context](https://www.w3.org/TR/trace-context/)).

use http::{HeaderName, HeaderValue};
use plimsoll_driver::{Fields, FieldsMut};
use plimsoll_task::trace::{Scoped, TraceIds};

/// The header a [`TraceParent`] travels in.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header in which the collectors of a trace tell each other more.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A request's own id, as most services log it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A `traceparent` of version 00: `00-<trace id>-<parent id>-<flags>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceParent {
    /// 128 bits, not all zero.
    pub trace: u128,
    /// 64 bits, not all zero: the span that sent the request.
    pub parent: u64,
    /// Bit 0: sampled.
    pub flags: u8,
}

impl TraceParent {
    /// Reads the header; `None` if it is absent, malformed or stands twice. A future version is read by its first four
    /// fields, as the specification asks.
    pub fn of(headers: &impl Fields) -> Option<Self> {
        let name = TRACEPARENT;
        let mut values = headers.values_of(&name);
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        Self::parse(value)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let hex = |at: std::ops::Range<usize>| {
            let digits = text.get(at)?;
            let text = std::str::from_utf8(digits).ok()?;
            digits.iter().all(lower).then(|| u128::from_str_radix(text, 16).ok())?
        };
        let dash = |at: usize| text.get(at) == Some(&b'-');
        let version = hex(0..2)?;
        let whole = if version == 0 { text.len() == 55 } else { text.len() == 55 || dash(55) };
        if version == 0xFF || !whole || !dash(2) || !dash(35) || !dash(52) {
            return None;
        }
        let (trace, parent, flags) = (hex(3..35)?, hex(36..52)? as u64, hex(53..55)? as u8);
        (trace != 0 && parent != 0).then_some(Self { trace, parent, flags })
    }

    /// The trace as it goes on: the trace id that came (or `fresh`, for one that begins here), with `span` as the new
    /// parent. Takes the header off; with a malformed one its `tracestate` goes too.
    ///
    /// `fresh` and `span` are random bits; zeros, which the format forbids, are taken as one. `sampled`: whether a trace
    /// that begins here is marked as sampled. Most tracers follow the mark of whoever asks them, so that an unmarked trace
    /// is recorded nowhere.
    pub fn pass_on(headers: &mut impl FieldsMut, fresh: u128, span: u64, sampled: bool) -> Self {
        // One look at each name: most requests belong to no trace yet.
        let came = if headers.names().any(is_of_trace) { Self::taken_off(headers) } else { None };
        let trace = came.map_or(fresh.max(1), |came| came.trace);
        let flags = came.map_or(u8::from(sampled), |came| came.flags);
        Self { trace, parent: span.max(1), flags }
    }

    fn taken_off(headers: &mut impl FieldsMut) -> Option<Self> {
        let came = Self::of(headers);
        headers.remove(&TRACEPARENT);
        if came.is_none() {
            headers.remove(&TRACESTATE);
        }
        came
    }

    /// The trace of the request at hand, and the span that is at work on it: what is asked of others meanwhile is that
    /// span's child. `None` outside [`TraceParent::scope`].
    ///
    /// It is [`plimsoll_task::TraceIds::current`]: scopes, supervisors, pools and crews hand it on to the work that they
    /// start; for a plain `tokio::spawn` there is [`plimsoll_task::TraceContext`].
    pub fn current() -> Option<Self> {
        TraceIds::current().map(|ids| Self { trace: ids.trace, parent: ids.span, flags: ids.flags })
    }

    /// Runs `future` as a part of this trace. Cancel safe where `future` is.
    pub const fn scope<F: Future>(self, future: F) -> Scoped<F> {
        TraceIds { trace: self.trace, span: self.parent, flags: self.flags }.scope(future)
    }

    /// Calls `work` as a part of this trace.
    #[cfg(feature = "server")]
    #[inline]
    pub(crate) fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        TraceIds { trace: self.trace, span: self.parent, flags: self.flags }.sync_scope(work)
    }

    /// As the header's value.
    pub fn text(&self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex(&mut text[3..35], self.trace);
        hex(&mut text[36..52], u128::from(self.parent));
        hex(&mut text[53..55], u128::from(self.flags));
        text
    }

    /// As a header's value.
    pub fn value(&self) -> HeaderValue {
        // Hex digits and dashes are always a valid value.
        HeaderValue::from_bytes(&self.text()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

fn is_of_trace(name: &[u8]) -> bool {
    // The length first: most names differ in it.
    matches!(name.len(), 10 | 11) && matches!(name, b"traceparent" | b"tracestate")
}

/// Writes the low digits of `value` in lower-case hexadecimal, as many pairs as there is room for.
pub fn hex(room: &mut [u8], value: u128) {
    let mut text = [0; 32];
    for (digits, below) in text.chunks_exact_mut(8).zip([96, 64, 32, 0]) {
        digits.copy_from_slice(&eight_digits((value >> below) as u32));
    }
    let pairs = (room.len() / 2).min(16);
    room[..pairs * 2].copy_from_slice(&text[32 - pairs * 2..]);
}

/// Returns the eight digits of a number, all of them made at once, each in a byte of one word.
#[inline]
fn eight_digits(number: u32) -> [u8; 8] {
    let mut word = u64::from(number);
    word = (word << 16 | word) & 0x0000_FFFF_0000_FFFF;
    word = (word << 8 | word) & 0x00FF_00FF_00FF_00FF;
    word = (word << 4 | word) & 0x0F0F_0F0F_0F0F_0F0F;
    // 6 more than a digit has a bit of 16 where the digit is a letter.
    let letters = ((word + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (word + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_what_it_writes() {
        let parent = TraceParent::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(parent.value(), GOOD);
        assert_eq!((parent.parent, parent.flags), (0x00f0_67aa_0ba9_02b7, 1));
    }

    #[test]
    fn every_digit_is_written() {
        let mut text = [0; 32];
        for value in [0, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, u128::MAX, 0x9a << 60] {
            hex(&mut text, value);
            assert_eq!(str::from_utf8(&text).unwrap(), format!("{value:032x}"));
        }
        hex(&mut text[..4], 0xabcd_1f20);
        assert_eq!(&text[..4], b"1f20");
        let mut room = [b'.'; 40];
        hex(&mut room, 7);
        assert!(room.ends_with(b"7........"), "no more than there are");
    }

    #[test]
    fn refuses_what_the_format_forbids() {
        for bad in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(bad.as_bytes()), None, "{bad}");
        }
        let future = format!("cc{}-more", &GOOD[2..]);
        assert!(TraceParent::parse(future.as_bytes()).is_some(), "a later version may have more fields");
    }

    #[test]
    fn a_trace_goes_on_or_begins() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, GOOD.parse().unwrap());
        headers.insert(TRACESTATE, "a=b".parse().unwrap());
        let next = TraceParent::pass_on(&mut headers, 5, 9, false);
        assert_eq!((next.trace, next.parent, next.flags), (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 9, 1));
        assert_eq!(headers[TRACESTATE], "a=b");

        headers.insert(TRACEPARENT, "nonsense".parse().unwrap());
        let next = TraceParent::pass_on(&mut headers, 5, 0, true);
        assert_eq!((next.trace, next.parent, next.flags), (5, 1, 1));
        assert_eq!(TraceParent::pass_on(&mut headers, 5, 0, false).flags, 0);
        assert!(!headers.contains_key(TRACESTATE));
    }
}
