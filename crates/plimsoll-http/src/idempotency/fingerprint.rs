//! Digests of a key's scope and name, and of the request sent under it. Each has 32 bytes, so the store holds no client
//! data.

use super::IdempotencyKey;
use http::{HeaderName, request::Parts};
use sha2::{Digest, Sha256};
use std::fmt;

/// The identity of a request: SHA-256 over method, path and query, some headers and the body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// A key within its scope, as stores see it: SHA-256 over both, with its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopedKey {
    hash: [u8; 32],
    scope: Option<ScopeId>,
}

/// The owner of keys: SHA-256 over the result of [`IdempotencyLayer::scope`](super::IdempotencyLayer::scope) for a
/// request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId([u8; 32]);

impl Fingerprint {
    /// Computes the fingerprint of a request with this body. Only these headers count.
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

    /// Creates it from 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl ScopedKey {
    /// Creates it from a key and its scope; `None` if all clients share one space of keys.
    pub fn new(scope: Option<&[u8]>, key: &IdempotencyKey) -> Self {
        let mut hash = Sha256::new();
        piece(&mut hash, scope.unwrap_or_default());
        piece(&mut hash, key.as_str().as_bytes());
        let scope = scope.map(|scope| ScopeId(Sha256::digest(scope).into()));
        Self { hash: hash.finalize().into(), scope }
    }

    /// Returns its 32 bytes, which cover the scope.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Returns the owner of the key; `None` if the layer has no scope. A store uses it to limit each client to its share.
    pub const fn scope(&self) -> Option<&ScopeId> {
        self.scope.as_ref()
    }
}

impl ScopeId {
    /// Returns its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Hashes a piece with its length before it, so that different lists of pieces are different bytes.
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
        short(self.hash, f)
    }
}

impl fmt::Debug for ScopeId {
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
        let hash = |scope: &[u8], text| *ScopedKey::new(Some(scope), &key(text)).as_bytes();
        assert_ne!(hash(b"a", "bc"), hash(b"ab", "c"));
        assert_ne!(hash(b"a", "k"), hash(b"b", "k"));
    }
}
