//! The one spelling of a host: lower case, without a trailing dot.

use std::{borrow::Cow, net::Ipv6Addr};

/// Bytes of a name and of one label of it ([RFC 1035, section 2.3.4](https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4)).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Why a host is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum HostnameError {
    #[error("the host has an empty label")]
    EmptyLabel,
    #[error("the host or a label of it is too long")]
    TooLong,
    #[error("the host has a character that no host has")]
    Character,
    #[error("the host has an internationalised label (xn--) that stands for no valid name")]
    Idna,
    #[error("the host is no IPv6 address")]
    Address,
}

impl HostnameError {
    /// A short stable name, for metrics and logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EmptyLabel => "host-empty-label",
            Self::TooLong => "host-too-long",
            Self::Character => "host-character",
            Self::Idna => "host-idna",
            Self::Address => "host-address",
        }
    }
}

/// Divides an authority into host and port, the latter with its colon.
pub(crate) fn split(authority: &str) -> (&str, &str) {
    // Byte by byte from the end: a port is short. The colons of an IPv6 address stand within brackets.
    let last = authority.bytes().rposition(|byte| matches!(byte, b':' | b']'));
    match last {
        Some(colon) if authority.as_bytes()[colon] == b':' => authority.split_at(colon),
        _ => (authority, ""),
    }
}

/// Returns whether `host[:port]` is a plain name in its one spelling: one look for what nearly every request asks. Of
/// others [`canonical_authority`] tells.
pub(crate) fn is_plain(authority: &[u8]) -> bool {
    let mut label = 0;
    for (at, byte) in authority.iter().enumerate() {
        match CLASSES[usize::from(*byte)] {
            Class::Plain => label += 1,
            Class::Dot if is_plain_label(&authority[at - label..at]) => label = 0,
            Class::None if *byte == b':' => {
                return at <= LONGEST_NAME
                    && is_plain_label(&authority[at - label..at])
                    && authority[at + 1..].iter().all(u8::is_ascii_digit);
            }
            _ => return false,
        }
    }
    authority.len() <= LONGEST_NAME && is_plain_label(&authority[authority.len() - label..])
}

fn is_plain_label(label: &[u8]) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len()) && !label.starts_with(b"xn--")
}

/// The one spelling of `host[:port]`. Borrowed where it is that already.
pub(crate) fn canonical_authority(authority: &str) -> Result<Cow<'_, str>, HostnameError> {
    let (host, port) = split(authority);
    Ok(match canonical(host)? {
        Cow::Borrowed(same) if same.len() == host.len() => Cow::Borrowed(authority),
        other => Cow::Owned(format!("{other}{port}")),
    })
}

/// The one spelling of a host without a port. Borrowed where it is that already, or a part of it.
///
/// The dot at a name's end, which says that it is whole, is left out. Labels of internationalised names have to stand
/// for a valid one ([UTS 46](https://www.unicode.org/reports/tr46/)): readers that decode them would else take them for
/// another, as `xn--a-` for `a`.
pub(crate) fn canonical(host: &str) -> Result<Cow<'_, str>, HostnameError> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').and_then(|address| address.parse::<Ipv6Addr>().ok());
        let canonical = format!("[{}]", address.ok_or(HostnameError::Address)?);
        return Ok(if canonical == host { Cow::Borrowed(host) } else { Cow::Owned(canonical) });
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let seen = look(name)?;
    let name = if seen.capitals { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
    if seen.encoded && idna::domain_to_unicode(&name).1.is_err() {
        return Err(HostnameError::Idna);
    }
    Ok(name)
}

#[derive(Default)]
struct Seen {
    capitals: bool,
    /// A label begins with `xn--`.
    encoded: bool,
}

/// The class of a byte in a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Of a label, and in its one spelling.
    Plain,
    Capital,
    Dot,
    /// Of no host.
    None,
}

static CLASSES: [Class; 256] = {
    let mut classes = [Class::None; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'.' => Class::Dot,
            b'A'..=b'Z' => Class::Capital,
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => Class::Plain,
            _ => Class::None,
        };
        byte += 1;
    }
    classes
};

fn look(name: &str) -> Result<Seen, HostnameError> {
    if name.len() > LONGEST_NAME {
        return Err(HostnameError::TooLong);
    }
    let mut seen = Seen::default();
    let mut label = 0;
    for (at, byte) in name.bytes().enumerate() {
        match CLASSES[usize::from(byte)] {
            Class::Plain => {}
            Class::Capital => seen.capitals = true,
            Class::Dot => {
                end_label(&name.as_bytes()[label..at], &mut seen)?;
                label = at + 1;
            }
            Class::None => return Err(HostnameError::Character),
        }
    }
    end_label(&name.as_bytes()[label..], &mut seen)?;
    Ok(seen)
}

fn end_label(label: &[u8], seen: &mut Seen) -> Result<(), HostnameError> {
    if let [b'x' | b'X', b'n' | b'N', b'-', b'-', ..] = label {
        seen.encoded = true;
    }
    match label.len() {
        0 => Err(HostnameError::EmptyLabel),
        1..=LONGEST_LABEL => Ok(()),
        _ => Err(HostnameError::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling_of_a_host() {
        for (authority, one) in [
            ("shop.example", "shop.example"),
            ("SHOP.Example.:8080", "shop.example:8080"),
            ("shop.example.", "shop.example"),
            ("a_b~c-d:1", "a_b~c-d:1"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[::1]", "[::1]"),
            ("[0:0::0:1]:80", "[::1]:80"),
            ("[2001:DB8::A]", "[2001:db8::a]"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(canonical_authority(authority).as_deref(), Ok(one), "{authority}");
        }
        assert!(matches!(canonical_authority("a.b:80"), Ok(Cow::Borrowed("a.b:80"))));
    }

    #[test]
    fn what_is_plain_is_in_its_one_spelling() {
        // Every name of up to five of these, with and without a port.
        let parts = ["a", "-", ".", "xn--", "B", ":8", "[", "%"];
        let mut names = vec![String::new()];
        let mut plain = 0;
        for _ in 0..5 {
            names = names.iter().flat_map(|name| parts.map(|part| format!("{name}{part}"))).collect();
            for name in names.iter().filter(|name| is_plain(name.as_bytes())) {
                // More than one port is refused before.
                if name.matches(':').count() < 2 {
                    assert_eq!(canonical_authority(name).as_deref(), Ok(name.as_str()));
                    plain += 1;
                }
            }
        }
        assert!(plain > 100, "{plain}");
        assert!(is_plain(b"192.0.2.1:80") && is_plain(format!("{}.b", "a".repeat(63)).as_bytes()));
        assert!(!is_plain(format!("{}.b", "a".repeat(64)).as_bytes()));
        assert!(
            !is_plain("a.".repeat(127).as_bytes()) && !is_plain(format!("{}a", "a.".repeat(127)).as_bytes())
        );
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = "a.".repeat(127);
        for (authority, error) in [
            ("", HostnameError::EmptyLabel),
            (".", HostnameError::EmptyLabel),
            (".:80", HostnameError::EmptyLabel),
            (".example", HostnameError::EmptyLabel),
            ("shop..example", HostnameError::EmptyLabel),
            ("shop.example..", HostnameError::EmptyLabel),
            ("sh\u{f6}p.example", HostnameError::Character),
            ("a%41", HostnameError::Character),
            ("a@b", HostnameError::Character),
            (&long_label, HostnameError::TooLong),
            (&format!("{long_name}a"), HostnameError::TooLong),
            // A label that stands for plain ASCII, one with capitals, one that is broken, one in compatibility forms.
            ("xn--shop-.example", HostnameError::Idna),
            ("xn--.example", HostnameError::Idna),
            ("xn--a.example", HostnameError::Idna),
            ("xn--zzzzzzz99999.example", HostnameError::Idna),
            ("[::g]", HostnameError::Address),
            ("[1.2.3.4]", HostnameError::Address),
        ] {
            assert_eq!(canonical_authority(authority), Err(error), "{authority}");
        }
        assert!(canonical_authority(&long_name).is_ok());
    }
}
