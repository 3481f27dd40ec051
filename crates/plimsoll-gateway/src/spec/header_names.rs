/// The treatment of header and trailer names with other characters than letters, digits and dashes.
///
/// WSGI, CGI and PHP hand on `X_User` and `X-User` under one name, so that a client could say what only a proxy may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HeaderNames {
    /// The field is left out.
    #[default]
    Drop,
    /// The request is refused.
    Refuse,
    /// The field is passed on.
    Pass,
}

/// Bytes of a name that are no letters, digits or dashes. Names are in lower case.
static ODD: [bool; 256] = {
    let mut odd = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        odd[byte] = !matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'-');
        byte += 1;
    }
    odd
};

/// Whether a name has anything else than letters, digits and dashes.
#[inline]
pub(crate) fn is_odd(name: &[u8]) -> bool {
    name.iter().any(|byte| ODD[usize::from(*byte)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    #[test]
    fn every_byte_of_a_name_is_told_from_the_others() {
        for byte in 0..=u8::MAX {
            let Ok(name) = HeaderName::from_bytes(&[b'a', byte]) else { continue };
            let plain = byte.is_ascii_alphanumeric() || byte == b'-';
            assert_eq!(is_odd(name.as_str().as_bytes()), !plain, "{name}");
        }
    }
}
