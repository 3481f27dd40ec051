//! `Content-Disposition` ([RFC 6266](https://www.rfc-editor.org/rfc/rfc6266)) for untrusted names.

use http::HeaderValue;
use std::fmt::Write as _;

/// The most bytes of a name, which is the limit of file systems.
const LONGEST: usize = 255;

/// Returns `attachment` or `inline`, with a name that is safe to save under.
///
/// The plain `filename` is ASCII without anything that needs an escape, as browsers disagree on those; a name that this
/// changes comes in full as `filename*` ([RFC 8187](https://www.rfc-editor.org/rfc/rfc8187)).
pub(super) fn disposition(inline: bool, name: &str) -> HeaderValue {
    let name = harmless(name);
    let mut value = String::with_capacity(40 + name.len() * 2);
    value.push_str(if inline { "inline" } else { "attachment" });
    value.push_str("; filename=\"");
    let plain: String = name.chars().map(|each| if is_plain(each) { each } else { '_' }).collect();
    value.push_str(&plain);
    value.push('"');
    if plain != name {
        value.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            if is_attr_char(byte) {
                value.push(char::from(byte));
            } else {
                // Writing to a string does not fail.
                let _ = write!(value, "%{byte:02X}");
            }
        }
    }
    // Visible ASCII and spaces: always a value.
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// Returns one file name, not a path, without invisible characters, not hidden, not too long.
fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.chars().filter(|each| !each.is_control() && !turns_text(*each)).collect();
    let seen = seen.trim_matches(|each: char| each == '.' || each.is_whitespace());
    if seen.is_empty() {
        return "download".to_owned();
    }
    if seen.len() <= LONGEST {
        return seen.to_owned();
    }
    // The extension decides which program opens it.
    let (stem, extension) =
        seen.rsplit_once('.').filter(|(_, after)| after.len() <= 16).unwrap_or((seen, ""));
    let room = LONGEST - extension.len() - 1;
    let end = (0..=room).rev().find(|end| stem.is_char_boundary(*end)).unwrap_or(0);
    let kept = &stem[..end.min(stem.len())];
    if extension.is_empty() { kept.to_owned() } else { format!("{kept}.{extension}") }
}

/// Marks that change the direction of text, and so can show `exe.pdf` for `fdp.exe`.
const fn turns_text(each: char) -> bool {
    matches!(each, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Some clients would decode a percent sign.
const fn is_plain(each: char) -> bool {
    matches!(each, ' '..='~') && !matches!(each, '"' | '\\' | '%')
}

const fn is_attr_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_for_browsers() {
        for (name, value) in [
            ("invoice.pdf", r#"attachment; filename="invoice.pdf""#),
            ("a b.txt", r#"attachment; filename="a b.txt""#),
            (
                "Rechnung März.pdf",
                r#"attachment; filename="Rechnung M_rz.pdf"; filename*=UTF-8''Rechnung%20M%C3%A4rz.pdf"#,
            ),
            ("a\"b.txt", r#"attachment; filename="a_b.txt"; filename*=UTF-8''a%22b.txt"#),
            ("50%.txt", r#"attachment; filename="50_.txt"; filename*=UTF-8''50%25.txt"#),
            ("../../etc/passwd", r#"attachment; filename="passwd""#),
            ("C:\\boot.ini", r#"attachment; filename="boot.ini""#),
            (".bashrc", r#"attachment; filename="bashrc""#),
            ("a\r\nSet-Cookie: x=1", r#"attachment; filename="aSet-Cookie: x=1""#),
            ("\u{202E}fdp.exe", r#"attachment; filename="fdp.exe""#),
            ("..", r#"attachment; filename="download""#),
            ("", r#"attachment; filename="download""#),
        ] {
            assert_eq!(disposition(false, name), value, "{name:?}");
        }
        assert_eq!(disposition(true, "a.png"), r#"inline; filename="a.png""#);
    }

    #[test]
    fn long_names_keep_their_ending() {
        let long = harmless(&format!("{}.pdf", "ä".repeat(300)));
        assert!(long.len() <= LONGEST && long.len() > LONGEST - 4);
        assert!(long.ends_with("ä.pdf"));
        assert!(harmless(&"x".repeat(999)).len() <= LONGEST);
    }

    proptest! {
        #[test]
        fn whatever_the_name_the_value_is_one_value(name in any::<String>()) {
            let value = disposition(false, &name);
            let text = value.to_str().unwrap();
            prop_assert!(text.starts_with("attachment; filename=\""));
            prop_assert_eq!(text.matches('"').count(), 2);
            prop_assert!(!text.contains('/') && !text.contains('\\'));
        }
    }
}
