//! How long the lists of fields are that come over a connection.

use std::io;

/// Bytes with which a client begins a connection (RFC 9113, section 3.4).
const PREFACE: usize = 24;
/// Bytes in front of a frame's payload (RFC 9113, section 4.1).
const HEAD: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// Limits on a list of fields, where h2 itself would cut one without a word.
///
/// h2 drops the first field that takes a list over its own limit, and every one after it. Of a head it says so, of trailers
/// it does not. So h2's limit lies so far above ours that what is left of a list which it has cut is over ours all the
/// same: that can be seen. For this no field may be too large to fit in between, which is what the limit on a block is
/// for: on the bytes of a list as HPACK writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListLimits {
    /// For h2: the size of a list as HTTP/2 counts it.
    pub(crate) list: u32,
    /// For [`Blocks`]: the bytes of a list as they are sent.
    block: usize,
}

impl ListLimits {
    /// Of a connection on which lists of so many bytes are taken.
    pub(crate) fn above(most: usize) -> Self {
        // Huffman's code makes at most 30 bits of a byte (RFC 7541, appendix B): no list that is taken is longer.
        let block = most.saturating_mul(4);
        // It makes at least 5 bits of a byte, so the fields of a block are at most eight fifths as long. An entry of HPACK's
        // table, of 4 KiB, may stand for a name or a pseudo-header, and there are five of these.
        let list = most.saturating_mul(8).saturating_add(32 * 1024);
        Self { list: u32::try_from(list).unwrap_or(u32::MAX), block }
    }
}

/// Frames as they come, of which only the length of lists is looked at.
#[derive(Debug)]
pub(super) struct Blocks {
    most: usize,
    /// Bytes to come that are no frame's head.
    skip: usize,
    head: [u8; HEAD],
    /// How much of a head is there.
    filled: usize,
    /// Bytes of the list that is coming.
    block: usize,
}

impl Blocks {
    /// On a connection whose client sends, and so begins it.
    pub(super) fn of_client(limits: ListLimits) -> Self {
        Self { skip: PREFACE, ..Self::of_server(limits) }
    }

    /// On a connection whose server sends.
    pub(super) fn of_server(limits: ListLimits) -> Self {
        Self { most: limits.block, skip: 0, head: [0; HEAD], filled: 0, block: 0 }
    }

    /// Looks at what has come.
    ///
    /// # Errors
    /// A list is longer than may be, of the kind by which [`is_too_long`] knows it.
    pub(super) fn see(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = bytes.len().min(HEAD - self.filled);
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEAD {
                self.filled = 0;
                self.begin()?;
            }
        }
        Ok(())
    }

    /// A frame's head is there.
    fn begin(&mut self) -> io::Result<()> {
        let [high, middle, low, kind, ..] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.skip = length;
        self.block = match kind {
            HEADERS => length,
            CONTINUATION => self.block.saturating_add(length),
            _ => 0,
        };
        if self.block > self.most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    }
}

/// Whether a connection was ended because a list of fields was far longer than is taken.
pub(crate) fn is_too_long(error: &h2::Error) -> bool {
    error.get_io().is_some_and(|error| error.kind() == io::ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let mut frame =
            vec![0, u8::try_from(length >> 8).unwrap(), (length & 255) as u8, kind, 0, 0, 0, 0, 1];
        frame.resize(HEAD + length, 1);
        frame
    }

    /// However the bytes come.
    fn seen(mut blocks: impl FnMut() -> Blocks, bytes: &[u8]) -> bool {
        let verdicts = [1, 2, 7, 9, 10, 100, bytes.len()].map(|size| {
            let mut blocks = blocks();
            bytes.chunks(size).all(|chunk| blocks.see(chunk).is_ok())
        });
        assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
        verdicts[0]
    }

    #[test]
    fn a_list_is_as_long_as_its_frames_together() {
        let server = || Blocks::of_server(ListLimits::above(100));
        for (lengths, fits) in [
            (&[400][..], true),
            (&[401], false),
            (&[200, 200], true),
            (&[200, 200, 1], false),
            (&[0, 0], true),
        ] {
            let mut bytes = [frame(4, 30), frame(0, 1000)].concat();
            for (at, length) in lengths.iter().enumerate() {
                bytes.extend(frame(if at == 0 { HEADERS } else { CONTINUATION }, *length));
            }
            bytes.extend(frame(0, 1000));
            assert_eq!(seen(server, &bytes), fits, "{lengths:?}");
            let client = || Blocks::of_client(ListLimits::above(100));
            assert_eq!(seen(client, &[&[1; PREFACE][..], &bytes].concat()), fits, "{lengths:?}");
        }
        let one_after_the_other = [frame(HEADERS, 300), frame(HEADERS, 300), frame(0, 300)].concat();
        assert!(seen(server, &one_after_the_other));
    }

    /// The rest of a list that h2 has cut is over the limit.
    #[test]
    fn a_list_that_is_cut_can_be_seen() {
        for most in [1024, 8 * 1024, 32 * 1024, 1 << 20] {
            let limits = ListLimits::above(most);
            let (largest, pseudo) = (limits.block * 8 / 5 + 4096 + 32, 5 * 4096);
            assert!(limits.list as usize - largest - pseudo > most, "{most}");
        }
    }
}
