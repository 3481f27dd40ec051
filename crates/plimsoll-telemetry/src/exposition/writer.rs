//! Writes families line by line.

use super::Format;
use crate::{
    collector::ObservedSpec,
    desc::{Desc, Kind},
    family::{Owned, Series},
    histogram::Histogram,
};
use std::fmt::{self, Write};

pub(crate) struct Writer<'a, W> {
    format: Format,
    out: &'a mut W,
}

impl<'a, W: Write> Writer<'a, W> {
    pub(crate) fn new(format: Format, out: &'a mut W) -> Self {
        Self { format, out }
    }

    pub(crate) fn owned(&mut self, family: &Owned) -> fmt::Result {
        let series = family.series();
        if series.is_empty() {
            return Ok(());
        }
        self.head(&family.desc, family.make.kind())?;
        for (values, series) in &*series {
            let labels = Labels { names: &family.labels, values, le: None };
            let name = &family.desc.name;
            match series {
                Series::Counter(counter) => writeln!(self.out, "{name}{labels} {}", counter.get())?,
                Series::UpDown(gauge) => writeln!(self.out, "{name}{labels} {}", gauge.get())?,
                Series::Gauge(gauge) => writeln!(self.out, "{name}{labels} {}", Number(gauge.get()))?,
                Series::Histogram(histogram) => self.histogram(name, &labels, histogram)?,
            }
        }
        Ok(())
    }

    pub(crate) fn observed<'s>(
        &mut self,
        spec: &ObservedSpec,
        samples: impl Iterator<Item = (&'s [String], f64)>,
    ) -> fmt::Result {
        let mut samples = samples.peekable();
        if samples.peek().is_some() {
            self.head(&spec.desc, spec.kind)?;
        }
        for (values, value) in samples {
            let labels = Labels { names: &spec.labels, values, le: None };
            writeln!(self.out, "{}{labels} {}", spec.desc.name, Number(value))?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> fmt::Result {
        match self.format {
            Format::Prometheus => Ok(()),
            Format::OpenMetrics => self.out.write_str("# EOF\n"),
        }
    }

    fn head(&mut self, desc: &Desc, kind: Kind) -> fmt::Result {
        let (name, quoted) = match self.format {
            Format::Prometheus => (&*desc.name, false),
            Format::OpenMetrics => (desc.base(kind), true),
        };
        writeln!(self.out, "# HELP {name} {}", Escaped { text: &desc.help, quoted })?;
        writeln!(self.out, "# TYPE {name} {kind}")?;
        match desc.unit {
            Some(unit) if self.format == Format::OpenMetrics => {
                writeln!(self.out, "# UNIT {name} {}", unit.as_str())
            }
            _ => Ok(()),
        }
    }

    fn histogram(&mut self, name: &str, labels: &Labels<'_>, histogram: &Histogram) -> fmt::Result {
        let mut result = Ok(());
        let mut count = 0;
        let sum = histogram.cumulative(|le, below| {
            let labels = Labels { le: Some(le.unwrap_or(f64::INFINITY)), ..*labels };
            result = result.and_then(|()| writeln!(self.out, "{name}_bucket{labels} {below}"));
            count = below;
        });
        result?;
        let sum = sum as f64 / histogram.layout().per_unit();
        writeln!(self.out, "{name}_sum{labels} {}", Number(sum))?;
        writeln!(self.out, "{name}_count{labels} {count}")
    }
}

/// `{name="value",...}`, or nothing when there are none.
struct Labels<'a> {
    names: &'a [String],
    values: &'a [String],
    le: Option<f64>,
}

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = '{';
        for (name, value) in self.names.iter().zip(self.values) {
            write!(f, "{before}{name}=\"{}\"", Escaped { text: value, quoted: true })?;
            before = ',';
        }
        if let Some(le) = self.le {
            write!(f, "{before}le=\"{}\"", Bound(le))?;
            before = ',';
        }
        if before == ',' { f.write_char('}') } else { Ok(()) }
    }
}

/// Backslash and line feed always, the double quote where the text stands between quotes (and in the help
/// texts of OpenMetrics).
struct Escaped<'a> {
    text: &'a str,
    quoted: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text;
        while let Some(at) = rest.find(|c| matches!(c, '\\' | '\n') || self.quoted && c == '"') {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'\\' => "\\\\",
                b'\n' => "\\n",
                _ => "\\\"",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == f64::INFINITY {
            f.write_str("+Inf")
        } else if self.0 == f64::NEG_INFINITY {
            f.write_str("-Inf")
        } else {
            // `NaN` is written as both formats want it.
            self.0.fmt(f)
        }
    }
}

/// A bucket's bound: in both formats with a decimal point, so that a series is the same in either.
struct Bound(f64);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() && self.0.fract() == 0.0 {
            write!(f, "{:.1}", self.0)
        } else {
            Number(self.0).fmt(f)
        }
    }
}
