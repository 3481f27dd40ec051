//! Points in time as people and log collectors read them.

use std::{fmt, time::SystemTime};

/// A point in time as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) writes it: UTC, to the millisecond. A clock
/// before 1970 is shown as 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Timestamp(pub(crate) SystemTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::try_from(self.0.max(SystemTime::UNIX_EPOCH));
        write!(f, "{:.3}", moment.unwrap_or(jiff::Timestamp::MAX))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.250Z"),
            (951_782_399, "2000-02-28T23:59:59.250Z"),
            (951_782_400, "2000-02-29T00:00:00.250Z"),
            (951_868_800, "2000-03-01T00:00:00.250Z"),
            (1_709_251_199, "2024-02-29T23:59:59.250Z"),
            (1_767_225_599, "2025-12-31T23:59:59.250Z"),
            (4_107_542_400, "2100-03-01T00:00:00.250Z"),
        ] {
            let moment = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(250);
            assert_eq!(Timestamp(moment).to_string(), text);
        }
    }

    #[test]
    fn milliseconds_are_cut_and_always_three_digits() {
        let shown = |nanos| Timestamp(UNIX_EPOCH + Duration::from_nanos(nanos)).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(1_999_999_999), "1970-01-01T00:00:01.999Z");
    }

    #[test]
    fn clocks_that_are_wrong_by_ages_are_shown_at_the_nearest_end() {
        assert_eq!(Timestamp(UNIX_EPOCH - Duration::from_secs(1)).to_string(), "1970-01-01T00:00:00.000Z");
        let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert!(Timestamp(far).to_string().starts_with("9999-12-"));
    }
}
