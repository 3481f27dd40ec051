//! Lines with colours, cut to the width of the output.

use super::story::Tone;

/// The style of a piece of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    Plain,
    Strong,
    Faint,
    Red,
    Yellow,
    Green,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Red => "\x1b[31m",
            Self::Yellow => "\x1b[33m",
            Self::Green => "\x1b[32m",
        }
    }
}

impl From<Tone> for Style {
    fn from(tone: Tone) -> Self {
        match tone {
            Tone::Bad => Self::Red,
            Tone::Act => Self::Yellow,
            Tone::Good => Self::Green,
        }
    }
}

/// One line, without control characters or characters of double width.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Vec<(Style, String)>);

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub(super) fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// Appends spaces up to this column.
    #[must_use]
    pub(super) fn to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.with(Style::Plain, " ".repeat(missing))
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Returns the line as text of at most `width` characters, with or without colours.
    pub(super) fn render(&self, width: usize, colours: bool) -> String {
        let mut out = String::new();
        let mut left = width;
        for (style, text) in &self.0 {
            let shown: String = text.chars().take(left).collect();
            left -= shown.chars().count();
            if !colours || *style == Style::Plain || shown.is_empty() {
                out.push_str(&shown);
            } else {
                out.extend([style.code(), &shown, "\x1b[0m"]);
            }
        }
        out
    }
}

/// Returns a bar of `width` characters for this part of a whole, in steps of an eighth of a character.
pub(super) fn bar(part: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (part.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_what_is_seen() {
        let line = Line::new().with(Style::Red, "äbc").to(5).with(Style::Plain, "def");
        assert_eq!(line.render(80, false), "äbc  def");
        assert_eq!(line.render(6, false), "äbc  d");
        assert_eq!(line.render(2, true), "\x1b[31mäb\x1b[0m");
        assert_eq!(line.render(0, true), "");
    }

    #[test]
    fn a_bar_is_as_long_as_its_part() {
        assert_eq!((bar(0.0, 10), bar(1.0, 3), bar(2.0, 3)), (String::new(), "███".into(), "███".into()));
        assert_eq!(bar(0.5, 3), "█▌");
        for part in 0..=100 {
            assert!(bar(f64::from(part) / 100.0, 12).chars().count() <= 12);
        }
    }
}
