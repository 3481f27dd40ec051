//! Which of the two formats a scraper wants.

/// A text format for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// The Prometheus text format, version 0.0.4.
    #[default]
    Prometheus,
    /// OpenMetrics text, version 1.0.0.
    OpenMetrics,
}

/// How well a media range fits: its quality in thousandths, then how exactly it names the type.
type Fit = (u16, u8);

impl Format {
    /// The format that an `Accept` header asks for.
    ///
    /// Weights (`q`) decide, then how exactly a range names the format; at a tie, and when nothing fits (which
    /// should be served rather than refused), it is Prometheus. Versions other than ours do not fit.
    ///
    /// ```
    /// use plimsoll_telemetry::Format;
    /// let accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    /// assert_eq!(Format::from_accept(accept), Format::OpenMetrics);
    /// assert_eq!(Format::from_accept("*/*"), Format::Prometheus);
    /// ```
    pub fn from_accept(accept: &str) -> Self {
        let open = Self::OpenMetrics.fit(accept);
        if open.0 > 0 && open > Self::Prometheus.fit(accept) { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The value of the `Content-Type` header.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The most exact range that covers this format says how much it is wanted (RFC 9110, 12.5.1).
    fn fit(self, accept: &str) -> Fit {
        let mut best: Fit = (0, 0);
        for range in accept.split(',') {
            if let Some((quality, exactness)) = self.covered_by(range)
                && (exactness > best.1 || exactness == best.1 && quality > best.0)
            {
                best = (quality, exactness);
            }
        }
        best
    }

    fn covered_by(self, range: &str) -> Option<Fit> {
        let (main, sub, versions) = match self {
            Self::Prometheus => ("text", "plain", &["0.0.4"][..]),
            // The first draft of the format is the same for all that is written here.
            Self::OpenMetrics => ("application", "openmetrics-text", &["1.0.0", "0.0.1"][..]),
        };
        let mut parts = range.split(';').map(str::trim);
        let (asked_main, asked_sub) = parts.next()?.split_once('/')?;
        let mut exactness = match (asked_main, asked_sub) {
            ("*", "*") => 1,
            (m, "*") if m.eq_ignore_ascii_case(main) => 2,
            (m, s) if m.eq_ignore_ascii_case(main) && s.eq_ignore_ascii_case(sub) => 3,
            _ => return None,
        };
        let mut quality = 1000;
        for part in parts {
            let (name, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = thousandths(value)?,
                "version" if versions.contains(&value) => exactness = 4,
                "version" => return None,
                _ => {}
            }
        }
        Some((quality, exactness))
    }
}

/// `0` to `1` with up to three decimals, as RFC 9110 writes weights.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut fraction = 0;
    for nth in 0..3 {
        fraction = fraction * 10 + decimals.as_bytes().get(nth).map_or(0, |digit| u16::from(digit - b'0'));
    }
    let all = if whole == "1" { 1000 + fraction } else { fraction };
    (all <= 1000).then_some(all)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Format::{self, *};

    #[test]
    fn what_scrapers_send() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            ("", Prometheus),
            ("*/*", Prometheus),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Prometheus),
            ("application/*", OpenMetrics),
            (prometheus_2, OpenMetrics),
            (prometheus_3, OpenMetrics),
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\" ; Q=0.1", OpenMetrics),
            ("application/openmetrics-text, */*", OpenMetrics),
            ("application/openmetrics-text, text/plain", Prometheus),
            ("application/openmetrics-text;q=0.4, text/plain;q=0.5", Prometheus),
            ("application/openmetrics-text;q=0.501, text/plain;q=0.5", OpenMetrics),
            ("application/openmetrics-text;q=0, */*", Prometheus),
            ("application/openmetrics-text;q=0", Prometheus),
            ("application/openmetrics-text;version=2.0.0", Prometheus),
            ("application/openmetrics-text;version=2.0.0, */*;q=0.1", Prometheus),
            ("application/openmetrics-text;q=1.5", Prometheus),
            ("application/openmetrics-text;q=x", Prometheus),
            ("application/json", Prometheus),
            (",;/, ;=", Prometheus),
        ] {
            assert_eq!(Format::from_accept(accept), format, "{accept}");
        }
    }
}
