//! Hashes that are the same in every process.

use siphasher::sip::SipHasher24;

/// The domain of a hash: a key and an endpoint with the same bytes have unrelated hashes.
#[derive(Clone, Copy)]
pub(super) enum Of {
    Key = 0x6b65_7900,
    Endpoint = 0x656e_6470,
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) of the bytes alone, under a key made of the seed and of what they are.
///
/// A specified function on bytes: the same on every processor, in every build and after every restart, unlike the hashes
/// of the standard library and of `ahash`, which promise none of this. Without the seed nobody can aim many keys at one
/// endpoint; with the default seed anybody can, and bounded load is then what holds.
pub(super) fn hash(seed: u32, of: Of, bytes: &[u8]) -> u64 {
    SipHasher24::new_with_keys(seed.into(), of as u64).hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_the_specified_one() {
        // The first vectors of the reference implementation: key 00 01 … 0f, messages of 0 and 1 byte.
        let hasher = SipHasher24::new_with_keys(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        assert_eq!(hasher.hash(&[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(hasher.hash(&[0]), 0x74f8_39c5_93dc_67fd);
    }

    #[test]
    fn seed_kind_and_bytes_all_count() {
        let hashes = [
            hash(0, Of::Key, b"a"),
            hash(1, Of::Key, b"a"),
            hash(0, Of::Endpoint, b"a"),
            hash(0, Of::Key, b"b"),
            hash(0, Of::Key, b"a\0"),
        ];
        for (at, one) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(one));
        }
    }
}
