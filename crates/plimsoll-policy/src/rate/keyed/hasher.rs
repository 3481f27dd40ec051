use crate::{Draw, KeyHash};
use ahash::RandomState;
use std::{
    fmt,
    hash::{BuildHasher, Hasher},
};

/// Makes [`KeyHash`]es under a secret, so that nobody outside can choose keys that fall together.
///
/// The hash is ahash: quick, keyed, and made to withstand flooding by those who do not see its output. It is no
/// cryptographic hash; do not show it to callers.
#[derive(Clone)]
pub struct KeyHasher(RandomState);

impl KeyHasher {
    /// A hasher whose secret is derived from `secret`: draw it from the system's randomness, once a process.
    pub fn new(secret: Draw) -> Self {
        let [a, b, c, d] = {
            let second = secret.split();
            let third = second.split();
            [secret, second, third, third.split()].map(Draw::bits)
        };
        Self(RandomState::with_seeds(a, b, c, d))
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        KeyHash(hasher.finish())
    }
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
}
