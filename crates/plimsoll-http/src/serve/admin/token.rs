use plimsoll_config::Secret;
use std::fmt;

/// The bearer token of an admin address beyond loopback: at least 16 bytes. Never shown, not even by `Debug`; its memory is
/// wiped when it is dropped.
#[derive(Clone)]
pub struct AdminToken(Secret);

/// A token that is guessed too soon, or that no header can carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an admin token is 16 printable characters of ASCII or more, without spaces")]
pub struct AdminTokenError;

impl AdminToken {
    /// Whether `shown` is the token, in a time that depends on nothing but the lengths.
    pub(super) fn is(&self, shown: &str) -> bool {
        self.0.matches(shown)
    }
}

impl TryFrom<String> for AdminToken {
    type Error = AdminTokenError;

    fn try_from(text: String) -> Result<Self, AdminTokenError> {
        let fits = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(Secret::new(text))) } else { Err(AdminTokenError) }
    }
}

impl TryFrom<&str> for AdminToken {
    type Error = AdminTokenError;

    fn try_from(text: &str) -> Result<Self, AdminTokenError> {
        text.to_owned().try_into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_is_not_shown() {
        assert!(
            AdminToken::try_from("short").is_err() && AdminToken::try_from("with a space in it").is_err()
        );
        let token = AdminToken::try_from("0123456789abcdef").unwrap();
        assert!(token.is("0123456789abcdef"));
        for wrong in ["", "0123456789abcdeX", "0123456789abcdef0", "0123456789abcde"] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "AdminToken(…)");
    }
}
