//! Media types as they stand in `Content-Type` and `Accept`
//! ([RFC 9110, 8.3.1](https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1)), read in place.
//!
//! `Mime` of the crate `mime` allocates for each uncommon value and refuses the lone `*` of Java's clients; this type borrows
//! from the header.

/// A media type: `type/subtype` and its parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MediaType<'a> {
    pub(super) essence: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    /// Parses a media type; `None` unless it has a type and a subtype of permitted characters.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let essence = essence.trim_matches(blank);
        let (main, sub) = essence.split_once('/')?;
        (token(main) && token(sub)).then_some(Self { essence, parameters })
    }

    /// Parses a range of `Accept`, which may also be a lone `*`, as Java's clients write `*/*`.
    pub(super) fn parse_range(text: &'a str) -> Option<Self> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        if essence.trim_matches(blank) == "*" {
            return Some(Self { essence: "*", parameters });
        }
        Self::parse(text)
    }

    /// Returns its parameters, in their order, without quotation marks. Escapes are not decoded: the parameters used here have
    /// none.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        Split { rest: self.parameters, by: b';' }.filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim_matches(blank);
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            Some((name.trim_matches(blank), value))
        })
    }
}

/// Splits a list at commas outside of quotation marks.
pub(super) fn members(list: &str) -> impl Iterator<Item = &str> {
    Split { rest: list, by: b',' }
}

struct Split<'a> {
    rest: &'a str,
    by: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = self.rest.bytes().position(|byte| {
            let here = byte == self.by && !quoted;
            quoted ^= byte == b'"' && !escaped;
            escaped = quoted && byte == b'\\' && !escaped;
            here
        });
        let member = end.and_then(|end| self.rest.split_at_checked(end));
        let (member, rest) = member.map_or((self.rest, ""), |(member, rest)| (member, &rest[1..]));
        self.rest = rest;
        Some(member)
    }
}

const fn blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_essence_and_parameters() {
        let found = MediaType::parse(" application/json ; charset=\"utf-8\"; q = 0.5;flag").unwrap();
        assert_eq!(found.essence, "application/json");
        assert_eq!(found.parameters().collect::<Vec<_>>(), [("charset", "utf-8"), ("q", "0.5")]);
    }

    #[test]
    fn half_a_media_type_is_none() {
        for text in ["", "json", "/", "application/", "/json", "a b/c", "a/b/c", "a/b,c", "é/x"] {
            assert_eq!(MediaType::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn commas_within_quotation_marks_divide_nothing() {
        let list = r#"a/b;x="1,\",2", c/d,,e/f"#;
        assert_eq!(members(list).collect::<Vec<_>>(), [r#"a/b;x="1,\",2""#, " c/d", "", "e/f"]);
        assert_eq!(members(r#"a/b;x="open, c/d"#).count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_divided_without_loss(text in ".{0,64}") {
            let joined = members(&text).collect::<Vec<_>>().join(",");
            let whole = joined == text || text.strip_suffix(',') == Some(&joined);
            proptest::prop_assert!(whole);
            for member in members(&text) {
                if let Some(found) = MediaType::parse(member) {
                    let _ = found.parameters().count();
                }
            }
        }
    }
}
