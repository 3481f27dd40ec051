use super::{encoding::Encoding, open::Seen};
use http::HeaderValue;
use httpdate::HttpDate;
use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Coarser than any file system's clock: a file changed since then may change again and look the same.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one state of a representation from another.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    /// With its quotes, without `W/`.
    tag: HeaderValue,
    /// The file has been left alone for long enough that equal means equal.
    strong: bool,
    modified: HttpDate,
}

impl Validators {
    /// Of a file as it was seen `now`.
    ///
    /// Length and time of the last change to the nanosecond, so that two machines with the same deployed files (`rsync
    /// -t`, image layers) agree; inode numbers would not. Weak until the file has been left alone for two seconds.
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
        Self { tag, strong, modified: HttpDate::from(seen.modified) }
    }

    /// As it goes into `ETag`.
    pub(super) fn etag(&self) -> HeaderValue {
        if self.strong {
            return self.tag.clone();
        }
        let weak = [b"W/", self.tag.as_bytes()].concat();
        HeaderValue::try_from(weak).unwrap_or_else(|_| self.tag.clone())
    }

    /// As it goes into `Last-Modified`.
    pub(super) fn last_modified(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.modified.to_string()).ok()
    }

    /// Whether changes since `date` are excluded.
    pub(super) fn unchanged_since(&self, date: HttpDate) -> bool {
        self.modified <= date
    }

    /// Whether the date is the very one, and says as much as a strong tag.
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
