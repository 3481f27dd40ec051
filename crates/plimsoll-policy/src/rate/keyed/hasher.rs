use crate::{Draw, KeyHash};
use std::fmt;

/// A hasher that makes [`KeyHash`]es under a secret, so that a client cannot choose keys that collide.
///
/// The hash is wyhash (Wang Yi, final version 4), keyed by a seed and four words of secret, all of them drawn. It is
/// quick, and made of nothing but 64-bit multiplications, so the same key under the same secret has the same hash on
/// every processor: which bucket has to make way for a new one depends on it. Who does not see its output finds no two
/// keys that collide but by trying; it is no cryptographic hash, so do not show it to callers.
#[derive(Clone)]
pub struct KeyHasher {
    seed: u64,
    secret: [u64; 4],
}

impl KeyHasher {
    /// A hasher whose secret is derived from `secret`: draw it from the system's randomness, once a process.
    pub fn new(secret: Draw) -> Self {
        let mut draw = secret;
        let mut next = || {
            draw = draw.split();
            draw.bits()
        };
        Self::with(next(), [next(), next(), next(), next()])
    }

    fn with(seed: u64, secret: [u64; 4]) -> Self {
        Self { seed: seed ^ mix(seed ^ secret[0], secret[1]), secret }
    }

    /// Returns the hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        let (mut state, [first, second, third, fourth]) = (self.seed, self.secret);
        let length = key.len();
        let (a, b) = if length <= 16 {
            if length >= 8 {
                let (start, end) = (word8(key, 0), word8(key, length - 8));
                match length {
                    16 => (start << 32 | end & 0xffff_ffff, end & !0xffff_ffff | start >> 32),
                    _ => (start.rotate_left(32), end),
                }
            } else if length >= 4 {
                let (start, end) = (word4(key, 0), word4(key, length - 4));
                (start << 32 | start, end << 32 | end)
            } else if length > 0 {
                let byte = |at: usize| u64::from(key[at]);
                (byte(0) << 16 | byte(length / 2) << 8 | byte(length - 1), 0)
            } else {
                (0, 0)
            }
        } else {
            let mut rest = key;
            if rest.len() > 48 {
                let (mut one, mut two) = (state, state);
                while rest.len() > 48 {
                    state = mix(word8(rest, 0) ^ second, word8(rest, 8) ^ state);
                    one = mix(word8(rest, 16) ^ third, word8(rest, 24) ^ one);
                    two = mix(word8(rest, 32) ^ fourth, word8(rest, 40) ^ two);
                    rest = &rest[48..];
                }
                state ^= one ^ two;
            }
            while rest.len() > 16 {
                state = mix(word8(rest, 0) ^ second, word8(rest, 8) ^ state);
                rest = &rest[16..];
            }
            // The last sixteen bytes, some of them for the second time.
            (word8(key, length - 16), word8(key, length - 8))
        };
        let (low, high) = wide(a ^ second, b ^ state);
        KeyHash(mix(low ^ first ^ length as u64, high ^ second))
    }
}

/// Both halves of a product.
#[inline]
const fn wide(a: u64, b: u64) -> (u64, u64) {
    let product = a as u128 * b as u128;
    (product as u64, (product >> 64) as u64)
}

#[inline]
const fn mix(a: u64, b: u64) -> u64 {
    let (low, high) = wide(a, b);
    low ^ high
}

#[inline]
fn word8(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[inline]
fn word4(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk).into())
}

impl fmt::Debug for KeyHasher {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_decides() {
        let (one, same, other) =
            (KeyHasher::new(Draw::new(1)), KeyHasher::new(Draw::new(1)), KeyHasher::new(Draw::new(2)));
        assert_eq!(one.hash(b"a.example"), same.hash(b"a.example"));
        assert_ne!(one.hash(b"a.example"), other.hash(b"a.example"));
        assert_ne!(one.hash(b"a.example"), one.hash(b"b.example"));
        assert_eq!(format!("{one:?}"), "KeyHasher");
    }

    const SECRET: [u64; 4] =
        [0x2d35_8dcc_aa6c_78a5, 0x8bb8_4b93_962e_acc9, 0x4b33_a62e_d433_d4a3, 0x4d5a_2da5_1de1_aa47];

    /// Up to sixteen bytes, from four reads of four, as the source has it.
    fn short(key: &[u8], seed: u64) -> u64 {
        let seed = seed ^ mix(seed ^ SECRET[0], SECRET[1]);
        let four = |at: usize| u64::from(u32::from_le_bytes(key[at..at + 4].try_into().unwrap()));
        let (len, step) = (key.len(), (key.len() >> 3) << 2);
        let (a, b) = match len {
            0 => (0, 0),
            1..=3 => (u64::from(key[0]) << 16 | u64::from(key[len >> 1]) << 8 | u64::from(key[len - 1]), 0),
            _ => (four(0) << 32 | four(step), four(len - 4) << 32 | four(len - 4 - step)),
        };
        let product = u128::from(a ^ SECRET[1]) * u128::from(b ^ seed);
        mix(product as u64 ^ SECRET[0] ^ len as u64, (product >> 64) as u64 ^ SECRET[1])
    }

    #[test]
    fn short_keys_are_read_as_wyhash_reads_them() {
        let bytes: Vec<u8> = (1..=16u8).map(|at| at.wrapping_mul(0x9d)).collect();
        for len in 0..=16 {
            let hash = KeyHasher::with(len as u64, SECRET).hash(&bytes[..len]);
            assert_eq!(hash.0, short(&bytes[..len], len as u64), "{len} bytes");
        }
    }

    #[test]
    fn hashes_as_wyhash_does() {
        let vectors: [(&str, u64); 7] = [
            ("", 0x9322_8a4d_e0ee_c5a2),
            ("a", 0xc5ba_c3db_1787_13c4),
            ("abc", 0xa97f_2f7b_1d9b_3314),
            ("message digest", 0x786d_1f1d_f380_1df4),
            ("abcdefghijklmnopqrstuvwxyz", 0xdca5_a813_8ad3_7c87),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 0xb9e7_34f1_17cf_af70),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                0x6cc5_eab4_9a92_d617,
            ),
        ];
        for (seed, (text, expected)) in (0..).zip(vectors) {
            let hash = KeyHasher::with(seed, SECRET).hash(text.as_bytes());
            assert_eq!(hash.0, expected, "{text:?}: {:x}", hash.0);
        }
    }
}
