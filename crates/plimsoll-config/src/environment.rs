//! References to the environment: `${NAME}` in texts.

use std::borrow::Cow;

/// A lookup of environment variables by name.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An error in a reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ReferenceError {
    /// The environment has nothing of this name.
    Unset(String),
    /// `${` without `}`, or with something between them that is no name.
    Malformed,
}

/// Replaces each `${NAME}` in a text; `$${` stands for `${`. Values from the environment are not expanded again.
pub(super) fn expand<'t>(text: &'t str, env: Env<'_>) -> Result<Cow<'t, str>, ReferenceError> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &reference[2..];
            continue;
        }
        out.push_str(before);
        let (name, after) = reference[2..].split_once('}').ok_or(ReferenceError::Malformed)?;
        if !is_name(name) {
            return Err(ReferenceError::Malformed);
        }
        out.push_str(&env(name).ok_or_else(|| ReferenceError::Unset(name.to_owned()))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, ReferenceError> {
        let env = |name: &str| (name == "HOST").then(|| "${ME}".to_owned());
        expand(text, &env).map(Cow::into_owned)
    }

    #[test]
    fn replaces_escapes_and_leaves_alone() {
        assert_eq!(expanded("http://${HOST}:80/$x$").unwrap(), "http://${ME}:80/$x$");
        assert_eq!(expanded("$${HOST} $$${HOST}").unwrap(), "${HOST} $${HOST}");
        assert_eq!(expanded("{HOST}").unwrap(), "{HOST}");
    }

    #[test]
    fn tells_what_is_unset_and_what_is_malformed() {
        assert_eq!(expanded("${NONE}"), Err(ReferenceError::Unset("NONE".into())));
        for text in ["${HOST", "${}", "${1A}", "${A-B}", "${A B}"] {
            assert_eq!(expanded(text), Err(ReferenceError::Malformed), "{text}");
        }
    }
}
