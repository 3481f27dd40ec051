//! Idempotency keys: a request that is sent twice is done once.
//!
//! A client that did not see the response to its `POST` cannot know whether it was done. With an `Idempotency-Key`
//! ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/))
//! it sends the request again, and [`IdempotencyLayer`] sees to it that the work is done once:
//!
//! | the request | the response |
//! | --- | --- |
//! | the first with its key | the service's own, kept before it is sent |
//! | a later one, the same | the first one's, with `Idempotency-Replayed: true` |
//! | the same while the first is under way | 409 `idempotency-key-in-flight`, or the first one's after a wait ([`OnConflict`]) |
//! | another one under the same key | 422 `idempotency-key-reused` |
//! | a malformed key, a key too long, two keys | 400 `idempotency-key-invalid` |
//! | no key where one is required | 400 `idempotency-key-missing` |
//! | a key beyond its client's share of the store | 429 `rate-limited` |
//! | a body over the limit | 413 `body-too-large` |
//!
//! "The same" is decided by a [`Fingerprint`] of method, path, query, some headers and the body. "Its key" is within a
//! scope that the service names ([`IdempotencyLayer::scope`]): **without a scope all clients share one space of keys**,
//! and whoever guesses a key and sends the same request reads another's answer. The log says so once, unless the service
//! says that this is meant ([`IdempotencyLayer::one_scope`]).
//!
//! Answers that are not final (4xx and 5xx) are not kept: nothing was done, so they take no place in the store, the key is
//! free again, and the client may try again with a request put right. So is a key whose request panicked or ran out of
//! time. A service whose 4xx are decisions that must stay says so
//! ([`IdempotencyLayer::keeping_client_errors`]).
//!
//! Answers that stream (server-sent events, lines of JSON, gRPC, …) pass as they come. It is kept that they were given, and
//! not what they said.
//!
//! # A client that leaves
//! The work goes on in a task of its own until it ends or its time is over ([`Durations`]), so that the response is there
//! when the client asks again. How many are under way at once is bounded.
//!
//! # A crash between work and answer
//! A key under way is held by a [`Lease`]. When the process dies, the lease runs out, and the next request with the same
//! key **and the same fingerprint** takes it over; until then it gets 409. A lease that was taken over is lost: its
//! holder can neither keep a response nor free the key.
//!
//! The state that the next holder finds depends on the store:
//! - With `PostgresStore::complete_in` (feature `postgres`), work and answer are committed by one transaction of the
//!   service's own database: both are there or neither is. Done exactly once.
//! - Otherwise the work may have been done without its response having been kept, and is done again: at least once. The
//!   service has to see for itself, by a unique key of its own, say.
//!
//! [`MemoryStore`] forgets everything with the process: it is for one process, and for tests.

mod body;
mod claim;
mod fingerprint;
mod key;
mod layer;
mod memory;
mod metrics;
#[cfg(feature = "postgres")]
mod postgres;
mod run;
mod service;
mod settings;
mod store;
mod stored_response;

pub use body::{KeyedBody, KeyedBodyError};
pub use claim::Claim;
pub use fingerprint::{Fingerprint, ScopeId, ScopedKey};
pub use key::{IdempotencyKey, IdempotencyKeyError};
pub use layer::IdempotencyLayer;
pub use memory::{MemoryStore, MemoryStoreError};
#[cfg(feature = "postgres")]
pub use postgres::{CompleteError, PostgresStore, PostgresStoreError};
pub use service::{IdempotencyService, ResponseFuture};
pub use settings::{Durations, DurationsError, OnConflict};
pub use store::{Begun, Completed, Lease, Outcome, Store};
pub use stored_response::{StoredResponse, Unkept};

use http::{HeaderMap, HeaderName, Method};

/// The header by which a client makes an unsafe request safe to repeat
/// ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that says of a response that it was given before.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Whether sending the request twice does what sending it once does.
///
/// True for the methods that [RFC 9110, section 9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2) calls
/// idempotent, and for a request with one non-empty `Idempotency-Key`: the peer sorts out duplicates.
pub fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    if [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE]
        .contains(method)
    {
        return true;
    }
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    matches!((keys.next(), keys.next()), (Some(key), None) if !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_makes_a_post_safe_and_two_make_it_doubtful() {
        let mut headers = HeaderMap::new();
        assert!(is_idempotent(&Method::GET, &headers));
        assert!(!is_idempotent(&Method::POST, &headers));
        assert!(!is_idempotent(&Method::PATCH, &headers));
        headers.insert(IDEMPOTENCY_KEY, "\"8e03978e\"".parse().unwrap());
        assert!(is_idempotent(&Method::POST, &headers));
        headers.append(IDEMPOTENCY_KEY, "other".parse().unwrap());
        assert!(!is_idempotent(&Method::POST, &headers));
        headers.insert(IDEMPOTENCY_KEY, "".parse().unwrap());
        assert!(!is_idempotent(&Method::POST, &headers));
    }
}
