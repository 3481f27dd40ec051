//! The facts that fields state about their message and its connection.

use super::{entry::Kind, rules::is_token};
use crate::error::{RequestHeadError, ResponseHeadError};

/// An error in a field of either kind of head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    Name,
    LengthInvalid,
    LengthRepeated,
    TransferUnknown,
    TransferInvalid,
    TwoFramings,
    HostRepeated,
}

impl From<FieldError> for RequestHeadError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Name => Self::FieldName,
            FieldError::LengthInvalid => Self::LengthInvalid,
            FieldError::LengthRepeated => Self::LengthRepeated,
            FieldError::TransferUnknown => Self::TransferUnknown,
            FieldError::TransferInvalid => Self::TransferInvalid,
            FieldError::TwoFramings => Self::TwoFramings,
            FieldError::HostRepeated => Self::HostRepeated,
        }
    }
}

impl From<FieldError> for ResponseHeadError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Name | FieldError::HostRepeated => Self::Field,
            _ => Self::Framing,
        }
    }
}

/// The facts that the fields state about message and connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldFacts {
    pub(crate) length: Option<u64>,
    pub(crate) chunked: bool,
    pub(crate) host: bool,
    pub(crate) upgrade: bool,
    pub(crate) expect: Expect,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
}

/// The value of `Expect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expect {
    #[default]
    Nothing,
    Continue,
    Unknown,
}

impl FieldFacts {
    /// Reads one of the fields that frame a message or concern its connection.
    pub(super) fn read(&mut self, kind: Kind, value: &[u8]) -> Result<(), FieldError> {
        match kind {
            Kind::Host if std::mem::replace(&mut self.host, true) => return Err(FieldError::HostRepeated),
            Kind::Expect => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expect = match self.expect {
                    Expect::Nothing | Expect::Continue if known => Expect::Continue,
                    _ => Expect::Unknown,
                };
            }
            Kind::Upgrade => self.upgrade = true,
            Kind::Connection => connection(value, self),
            Kind::ContentLength => {
                if self.length.is_some() {
                    return Err(FieldError::LengthRepeated);
                }
                self.length = Some(length(value)?);
            }
            Kind::TransferEncoding => {
                if std::mem::replace(&mut self.chunked, true) {
                    return Err(FieldError::TransferInvalid);
                }
                coding(value)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses a message with two framings, once all fields have been read.
    pub(super) fn check(&self) -> Result<(), FieldError> {
        if self.length.is_some() && self.chunked { Err(FieldError::TwoFramings) } else { Ok(()) }
    }
}

/// Parses a `Content-Length`: digits only.
fn length(value: &[u8]) -> Result<u64, FieldError> {
    if value.contains(&b',') {
        return Err(FieldError::LengthRepeated);
    }
    if value.is_empty() || value.len() > 20 {
        return Err(FieldError::LengthInvalid);
    }
    value.iter().try_fold(0_u64, |sum, byte| match byte {
        b'0'..=b'9' => sum
            .checked_mul(10)
            .and_then(|sum| sum.checked_add(u64::from(byte - b'0')))
            .ok_or(FieldError::LengthInvalid),
        _ => Err(FieldError::LengthInvalid),
    })
}

/// Checks a `Transfer-Encoding`: `chunked` once, and no other coding.
fn coding(value: &[u8]) -> Result<(), FieldError> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let mut others = false;
    for coding in value.split(|byte| *byte == b',') {
        let coding = coding.trim_ascii();
        if coding.is_empty() || !coding.iter().all(|byte| is_token(*byte)) {
            return Err(FieldError::TransferInvalid);
        }
        others |= !coding.eq_ignore_ascii_case(b"chunked");
    }
    Err(if others { FieldError::TransferUnknown } else { FieldError::TransferInvalid })
}

fn connection(value: &[u8], seen: &mut FieldFacts) {
    for option in value.split(|byte| *byte == b',') {
        let option = option.trim_ascii();
        if option.eq_ignore_ascii_case(b"close") {
            seen.close = true;
        } else if option.eq_ignore_ascii_case(b"keep-alive") {
            seen.keep_alive = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(length(b"0"), Ok(0));
        assert_eq!(length(b"18446744073709551615"), Ok(u64::MAX));
        for bad in
            ["", "+1", "-1", "1 ", "0x1", "1.0", "18446744073709551616", "000000000000000000001", "1_0"]
        {
            assert_eq!(length(bad.as_bytes()), Err(FieldError::LengthInvalid), "{bad}");
        }
        assert_eq!(length(b"1, 1"), Err(FieldError::LengthRepeated));
    }

    #[test]
    fn codings() {
        assert_eq!(coding(b"chunked"), Ok(()));
        assert_eq!(coding(b"CHUNKED"), Ok(()));
        for unknown in ["gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunke"] {
            assert_eq!(coding(unknown.as_bytes()), Err(FieldError::TransferUnknown), "{unknown}");
        }
        for bad in ["", "chunked, chunked", "chunked;q=1", "chunked,", ",chunked", "\"chunked\"", "chun ked"]
        {
            assert_eq!(coding(bad.as_bytes()), Err(FieldError::TransferInvalid), "{bad}");
        }
    }

    #[test]
    fn connection_options() {
        let mut seen = FieldFacts::default();
        connection(b" foo ,\tClose", &mut seen);
        assert!(seen.close && !seen.keep_alive);
        let mut seen = FieldFacts::default();
        connection(b"Keep-Alive, closed", &mut seen);
        assert!(!seen.close && seen.keep_alive);
    }
}
