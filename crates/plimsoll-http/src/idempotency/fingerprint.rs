//! What a key stands for, and what was sent under it, in 32 bytes each: of one length, and nothing of the client's in
//! the store.

use super::IdempotencyKey;
use http::{HeaderName, request::Parts};
use sha2::{Digest, Sha256};
use std::fmt;

/// Which request it is: SHA-256 over method, path and query, some headers and the body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// A key within its scope, as stores know it: SHA-256 over both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopedKey([u8; 32]);

impl Fingerprint {
    /// Of a request with this body; of the headers only these count.
    pub fn of(request: &Parts, headers: &[HeaderName], body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        piece(&mut hash, request.method.as_str().as_bytes());
        let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
        piece(&mut hash, target.as_bytes());
        for name in headers {
            let values = request.headers.get_all(name);
            hash.update((values.iter().count() as u64).to_be_bytes());
            for value in values {
                piece(&mut hash, value.as_bytes());
            }
        }
        piece(&mut hash, body);
        Self(hash.finalize().into())
    }

    /// These 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl ScopedKey {
    /// `key` as `scope` uses it.
    pub fn new(scope: &[u8], key: &IdempotencyKey) -> Self {
        let mut hash = Sha256::new();
        piece(&mut hash, scope);
        piece(&mut hash, key.as_str().as_bytes());
        Self(hash.finalize().into())
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// With its length before it, so that no two lists of pieces are the same bytes.
fn piece(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        short(self.0, f)
    }
}

impl fmt::Debug for ScopedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        short(self.0, f)
    }
}

fn short(bytes: [u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
    f.write_str("…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, header::CONTENT_TYPE};

    fn of(request: http::request::Builder, body: &str) -> Fingerprint {
        Fingerprint::of(&request.body(()).unwrap().into_parts().0, &[CONTENT_TYPE], body.as_bytes())
    }

    #[test]
    fn whatever_counts_changes_it() {
        let post = || Request::post("http://a.example/orders?x=1").header("content-type", "application/json");
        let same = of(post(), "{}");
        assert_eq!(of(post().header("user-agent", "another"), "{}"), same, "this header does not count");
        for (what, other) in [
            ("body", of(post(), "{ }")),
            ("method", of(Request::patch("/orders?x=1").header("content-type", "application/json"), "{}")),
            ("query", of(Request::post("/orders?x=2").header("content-type", "application/json"), "{}")),
            ("path", of(Request::post("/orderz?x=1").header("content-type", "application/json"), "{}")),
            ("header", of(Request::post("/orders?x=1").header("content-type", "text/plain"), "{}")),
            ("no header", of(Request::post("/orders?x=1"), "{}")),
            ("two headers", of(post().header("content-type", "application/json"), "{}")),
        ] {
            assert_ne!(other, same, "{what}");
        }
    }

    #[test]
    fn scopes_do_not_run_into_their_keys() {
        let key = |text: &str| IdempotencyKey::try_from(text).unwrap();
        assert_ne!(ScopedKey::new(b"a", &key("bc")), ScopedKey::new(b"ab", &key("c")));
        assert_ne!(ScopedKey::new(b"a", &key("k")), ScopedKey::new(b"b", &key("k")));
    }
}
