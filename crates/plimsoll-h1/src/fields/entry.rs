//! The place of one field in the bytes of its head.

use http::header::{self, HeaderName};

/// The position of a field within its head; 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    name: u32,
    value: u32,
    value_length: u32,
    name_length: u16,
    pub(super) kind: Kind,
    /// It is written as this crate writes fields, `name: value` and a line end, so that its bytes can be sent as they are.
    is_plain: bool,
}

/// The names that the engine itself knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Other,
    Host,
    Te,
    Date,
    Expect,
    Upgrade,
    Connection,
    ContentLength,
    TransferEncoding,
    /// `Keep-Alive` and `Proxy-Connection`.
    Hop,
}

impl Kind {
    /// The kind of a name, which is in lower case.
    #[inline]
    pub(super) fn of(name: &[u8]) -> Self {
        // The length first: it tells most names from all of these.
        match name.len() {
            2 if name == b"te" => Self::Te,
            4 if name == b"host" => Self::Host,
            4 if name == b"date" => Self::Date,
            6 if name == b"expect" => Self::Expect,
            7 if name == b"upgrade" => Self::Upgrade,
            10 if name == b"connection" => Self::Connection,
            10 if name == b"keep-alive" => Self::Hop,
            14 if name == b"content-length" => Self::ContentLength,
            16 if name == b"proxy-connection" => Self::Hop,
            17 if name == b"transfer-encoding" => Self::TransferEncoding,
            _ => Self::Other,
        }
    }

    /// The name, of a kind that is one name.
    pub(super) const fn name(self) -> Option<HeaderName> {
        match self {
            Self::Host => Some(header::HOST),
            Self::Te => Some(header::TE),
            Self::Date => Some(header::DATE),
            Self::Expect => Some(header::EXPECT),
            Self::Upgrade => Some(header::UPGRADE),
            Self::Connection => Some(header::CONNECTION),
            Self::ContentLength => Some(header::CONTENT_LENGTH),
            Self::TransferEncoding => Some(header::TRANSFER_ENCODING),
            Self::Other | Self::Hop => None,
        }
    }

    /// Returns whether the engine writes this field itself, as body and connection require.
    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Connection | Self::ContentLength | Self::TransferEncoding | Self::Hop)
    }
}

/// The position of a slice that lies within `whole`.
pub(crate) fn range_of(whole: &[u8], part: &[u8]) -> std::ops::Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

impl Entry {
    /// The entry of a field whose name and value lie within `head`, which has at most 4 GiB; `None` if the name is longer
    /// than any may be.
    #[inline]
    pub(super) fn new(head: &[u8], name: &[u8], value: &[u8]) -> Option<Self> {
        let at = |part: &[u8]| range_of(head, part).start as u32;
        let name_length = u16::try_from(name.len()).ok()?;
        Some(Self {
            name: at(name),
            // An empty value may lie anywhere.
            value: if value.is_empty() { at(name) + u32::from(name_length) } else { at(value) },
            value_length: value.len() as u32,
            name_length,
            kind: Kind::Other,
            is_plain: false,
        })
    }

    /// Makes the name's letters small, and looks at what there is of it.
    #[inline]
    pub(super) fn settle(&mut self, head: &mut [u8]) {
        let name = &mut head[self.name as usize..self.name_end()];
        lower(name);
        self.kind = Kind::of(name);
        let colon = head.get(self.name_end()..self.value as usize);
        let end = head.get(self.value_end()..self.value_end() + LINE_END.len());
        self.is_plain = colon == Some(COLON) && end == Some(LINE_END);
    }

    fn name_end(&self) -> usize {
        self.name as usize + usize::from(self.name_length)
    }

    fn value_end(&self) -> usize {
        self.value as usize + self.value_length as usize
    }

    pub(super) fn name<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.name as usize..self.name_end()]
    }

    #[inline]
    pub(super) fn is_named(&self, head: &[u8], name: &[u8]) -> bool {
        // The length first: most names differ in it.
        usize::from(self.name_length) == name.len() && self.name(head) == name
    }

    pub(super) fn value<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.value as usize..self.value_end()]
    }

    /// The whole line with its end, if it can be sent as it is.
    pub(super) fn line(&self) -> Option<std::ops::Range<usize>> {
        self.is_plain.then(|| self.name as usize..self.value_end() + LINE_END.len())
    }
}

/// Makes letters small, in blocks: names are too short for what the compiler makes of a loop over bytes.
#[inline]
fn lower(name: &mut [u8]) {
    const BLOCK: usize = 8;
    if let Some(last) = name.last_chunk_mut::<BLOCK>() {
        lower_block(last);
        // The last block overlaps the one before, which does no harm.
        name.as_chunks_mut::<BLOCK>().0.iter_mut().for_each(lower_block);
    } else {
        name.make_ascii_lowercase();
    }
}

#[inline]
fn lower_block(block: &mut [u8; 8]) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bytes = u64::from_ne_bytes(*block);
    // The high bit of each byte: whether it is at least `A`, and whether it is beyond `Z`; bytes above ASCII are neither.
    let seven = bytes & (EACH * 0x7f);
    let from = seven + EACH * (0x80 - b'A' as u64);
    let beyond = seven + EACH * (0x7f - b'Z' as u64);
    let capital = (from & !beyond & !bytes) & (EACH * 0x80);
    *block = (bytes | capital >> 2).to_ne_bytes();
}

const COLON: &[u8] = b": ";
const LINE_END: &[u8] = b"\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_lines_are_sent_as_they_are() {
        for (head, line) in [
            ("a: b\r\n", Some("a: b\r\n")),
            ("a: \r\n", None),
            ("a:b\r\n", None),
            ("a:  b\r\n", None),
            ("a:\tb\r\n", None),
            ("a: b \r\n", None),
            ("a:\r\n", None),
        ] {
            let (name, value) = head.split_once(':').unwrap();
            let value = value.trim_matches(['\t', ' ', '\r', '\n']);
            let mut entry = Entry::new(head.as_bytes(), name.as_bytes(), value.as_bytes()).unwrap();
            entry.settle(&mut head.as_bytes().to_vec());
            assert_eq!(entry.line().map(|line| &head[line]), line, "{head:?}");
        }
    }

    #[test]
    fn letters_of_names_of_every_length_are_made_small_and_nothing_else_is_changed() {
        for length in 0..40_usize {
            for byte in 0..=u8::MAX {
                let mut name = vec![byte; length];
                lower(&mut name);
                assert_eq!(name, vec![byte.to_ascii_lowercase(); length]);
            }
            for at in 0..length {
                let mut name = vec![b'-'; length];
                name[at] = b'Q';
                lower(&mut name);
                assert!(
                    name[at] == b'q' && name.iter().enumerate().all(|(i, byte)| i == at || *byte == b'-')
                );
            }
        }
    }

    #[test]
    fn names_are_known() {
        for (name, kind) in [
            ("te", Kind::Te),
            ("host", Kind::Host),
            ("date", Kind::Date),
            ("expect", Kind::Expect),
            ("upgrade", Kind::Upgrade),
            ("connection", Kind::Connection),
            ("keep-alive", Kind::Hop),
            ("content-length", Kind::ContentLength),
            ("proxy-connection", Kind::Hop),
            ("transfer-encoding", Kind::TransferEncoding),
            ("", Kind::Other),
            ("cost", Kind::Other),
            ("content_length", Kind::Other),
        ] {
            assert_eq!(Kind::of(name.as_bytes()), kind, "{name}");
        }
    }
}
