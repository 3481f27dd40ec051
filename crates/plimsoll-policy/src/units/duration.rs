use super::ValueError;
use std::{fmt, time::Duration};

const EXPECTED: &str = "a duration such as \"300ms\", \"2s\", \"1.5m\" or \"1h\"";

/// Reads `"300ms"`, `"2s"`, `"1.5m"`, `"1h"`, `"250us"`, `"10ns"`, `"1d"`; several parts may follow one another (`"1m30s"`).
///
/// # Errors
/// Where a unit is missing or unknown, a number is negative or malformed, or the sum is beyond 584 years.
pub fn duration(text: &str) -> Result<Duration, ValueError> {
    let invalid = || ValueError::new(EXPECTED, format_args!("{text:?}"));
    let mut rest = text.trim();
    let mut total: u128 = 0;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (digits, after) = rest.split_at(number);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit: u128 = match unit.trim() {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return Err(invalid()),
        };
        total = total.checked_add(scaled(digits, unit).ok_or_else(invalid)?).ok_or_else(invalid)?;
        rest = next;
    }
    u64::try_from(total).map(Duration::from_nanos).map_err(|_| invalid())
}

/// `digits` (with at most one point) times `unit`, without passing through floating point.
fn scaled(digits: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 18 || fraction.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.checked_mul(unit)?.checked_add(part * unit / 10u128.pow(fraction.len() as u32))
}

/// Shows a duration as the policy file writes it: the largest unit that leaves no fraction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u128, &str); 7] = [
            (86_400_000_000_000, "d"),
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        let (unit, name) =
            UNITS.into_iter().find(|(unit, _)| nanos.is_multiple_of(*unit)).unwrap_or((1, "ns"));
        write!(f, "{}{name}", nanos / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        let read = |text| duration(text).unwrap();
        assert_eq!(read("300ms"), Duration::from_millis(300));
        assert_eq!(read("1.5s"), Duration::from_millis(1500));
        assert_eq!(read("1m30s"), Duration::from_secs(90));
        assert_eq!(read(" 250us "), Duration::from_micros(250));
        assert_eq!(read("1d"), Duration::from_secs(86400));
        assert_eq!(read(".5h"), Duration::from_secs(1800));
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "5", "s", "-5s", "5 parsecs", "1..5s", "1.2.3s", "99999999999999999999d", "5s6", "."]
        {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["300ms", "2s", "90s", "1m", "1500ms", "0s", "7ns", "1d"] {
            let back = Span(duration(text).unwrap()).to_string();
            assert_eq!(duration(&back).unwrap(), duration(text).unwrap(), "{text} → {back}");
        }
        assert_eq!(Span(Duration::from_millis(300)).to_string(), "300ms");
    }
}
