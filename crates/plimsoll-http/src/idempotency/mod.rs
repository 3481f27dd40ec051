//! Idempotency keys: a request that is sent twice is processed once.
//!
//! A client that got no response to its `POST` cannot know whether it was processed. With an `Idempotency-Key`
//! ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/))
//! it sends the request again, and [`IdempotencyLayer`] ensures that the work is done once:
//!
//! | request | response |
//! | --- | --- |
//! | the first with its key | the service's own, stored before it is sent |
//! | the same again | the first one's, with `Idempotency-Replayed: true` |
//! | the same while the first is in progress | 409 `idempotency-key-in-flight`, or the first one's after a wait ([`OnConflict`]) |
//! | another one under the same key | 422 `idempotency-key-reused` |
//! | a malformed key, a key too long, two keys | 400 `idempotency-key-invalid` |
//! | no key, if one is required | 400 `idempotency-key-missing` |
//! | a key beyond its client's share of the store | 429 `rate-limited` |
//! | a body over the limit | 413 `body-too-large` |
//!
//! "The same" is decided by a [`Fingerprint`] of method, path, query, some headers and the body. "Its key" is within a
//! scope that the service names ([`IdempotencyLayer::scope`]): **without a scope all clients share one space of keys**,
//! and a client that guesses a key and sends the same request gets another client's response. The log warns once,
//! unless the service declares that this is intended ([`IdempotencyLayer::one_scope`]).
//!
//! Responses that are not final (4xx and 5xx) are not stored: no work was done, so they take no room in the store, the
//! key is free again, and the client may send a corrected request. A key whose request panicked or ran out of time is
//! free as well. A service whose 4xx are final decisions stores them ([`IdempotencyLayer::keeping_client_errors`]).
//!
//! Streaming responses (server-sent events, lines of JSON, gRPC, …) are passed on as they come. Only the fact is
//! stored, not their content.
//!
//! # A client that leaves
//! The work goes on in its own task until it ends or its time is over ([`Durations`]), so that the response is stored
//! when the client sends the request again. The number in progress at once is bounded.
//!
//! # A crash between work and response
//! A key in progress is held by a [`Lease`]. When the process dies, the lease expires, and the next request with the
//! same key **and the same fingerprint** takes it over; until then it gets 409. A lease that was taken over is lost:
//! its holder can neither store a response nor free the key.
//!
//! The state that the next holder finds depends on the store:
//! - With `PostgresStore::complete_in` (feature `postgres`), work and response are committed by one transaction of the
//!   service's own database, both or neither: the work is done exactly once.
//! - Otherwise the work may have been done without a stored response, and is done again: at least once. The service has
//!   to detect that itself, for example by a unique key.
//!
//! [`MemoryStore`] loses everything with the process: it is for one process, and for tests.

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

use http::{HeaderName, Method};
use plimsoll_driver::Fields;

/// The header by which a client makes an unsafe request safe to repeat
/// ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of a replayed response.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Returns whether sending the request twice has the same effect as sending it once.
///
/// True for the methods that [RFC 9110, section 9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2) calls
/// idempotent, and for a request with one non-empty `Idempotency-Key`: the peer recognizes duplicates.
pub fn is_idempotent(method: &Method, headers: &impl Fields) -> bool {
    if [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE]
        .contains(method)
    {
        return true;
    }
    let name = IDEMPOTENCY_KEY;
    let mut keys = headers.values_of(&name);
    matches!((keys.next(), keys.next()), (Some(key), None) if !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

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
