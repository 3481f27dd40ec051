use super::{encoding::Encoding, open::Seen};
use http::HeaderValue;
use httpdate::HttpDate;
use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Longer than the resolution of any file system's clock: a file changed since then may change again with the same
/// time.
const SETTLED: Duration = Duration::from_secs(2);

/// The validators of a representation, which distinguish its states.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    /// With its quotes, without `W/`.
    tag: HeaderValue,
    /// Whether the last change is long enough ago for a strong tag.
    strong: bool,
    modified: HttpDate,
}

impl Validators {
    /// Creates the validators of a file in its state at `now`.
    ///
    /// The tag has the length and the time of the last change to the nanosecond, so that two machines with the same
    /// deployed files (`rsync -t`, image layers) agree; inode numbers would not. It is weak for two seconds after a
    /// change.
    pub(super) fn new(seen: Seen, encoding: Option<Encoding>, now: SystemTime) -> Self {
        let since = seen.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut tag = String::with_capacity(48);
        // Writing to a string does not fail.
        let _ = write!(tag, "\"{:x}-{:x}", since.as_nanos(), seen.len);
        if let Some(encoding) = encoding {
            tag.push('-');
            tag.push_str(encoding.token());
        }
        tag.push('"');
        let strong = now.duration_since(seen.modified).is_ok_and(|age| age >= SETTLED);
        let tag = HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        // A time in the future counts as now (RFC 9110, section 8.8.2.1).
        Self { tag, strong, modified: HttpDate::from(seen.modified.min(now)) }
    }

    /// Returns the value of `ETag`.
    pub(super) fn etag(&self) -> HeaderValue {
        if self.strong {
            return self.tag.clone();
        }
        let weak = [b"W/", self.tag.as_bytes()].concat();
        HeaderValue::try_from(weak).unwrap_or_else(|_| self.tag.clone())
    }

    /// Returns the value of `Last-Modified`.
    pub(super) fn last_modified(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.modified.to_string()).ok()
    }

    /// Returns whether changes since `date` are excluded.
    pub(super) fn unchanged_since(&self, date: HttpDate) -> bool {
        self.modified <= date
    }

    /// Returns whether the date is equal, and as reliable as a strong tag.
    pub(super) fn is_exactly(&self, date: HttpDate) -> bool {
        self.strong && self.modified == date
    }

    /// [Weak comparison](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2): `tag` is without its `W/`.
    pub(super) fn matches_weakly(&self, tag: &[u8]) -> bool {
        self.tag.as_bytes() == tag
    }

    /// Strong comparison: `tag` had no `W/`.
    pub(super) fn matches_strongly(&self, tag: &[u8]) -> bool {
        self.strong && self.matches_weakly(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_from_the_future_is_of_now() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        // Beyond the year 9999, which no date of HTTP can say.
        let seen = Seen { len: 1, modified: UNIX_EPOCH + Duration::from_secs(300_000_000_000) };
        let validators = Validators::new(seen, None, now);
        assert_eq!(validators.last_modified().unwrap(), "Sun, 09 Sep 2001 01:46:40 GMT");
        assert!(validators.etag().to_str().unwrap().starts_with("W/"));
    }

    #[test]
    fn encodings_have_tags_of_their_own() {
        let seen = Seen { len: 1, modified: UNIX_EPOCH };
        let tag = |encoding| Validators::new(seen, encoding, SystemTime::now()).etag();
        assert_eq!(tag(None), "\"0-1\"");
        assert_eq!(tag(Some(Encoding::Gzip)), "\"0-1-gzip\"");
    }
}
