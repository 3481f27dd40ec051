//! The facts that the layers of [`plimsoll_tower`] need of an HTTP request, and the way to send one again.
//!
//! ```
//! use plimsoll_http::layers::{HttpFacts, HttpReplay};
//! use plimsoll_policy::PolicySpec;
//! use plimsoll_tower::{PolicyLayer, classify::HttpStatus};
//!
//! let layer = PolicyLayer::new(PolicySpec::default())
//!     .classify(HttpStatus)
//!     .describe(HttpFacts::default())
//!     .replay(HttpReplay::default());
//! ```

mod facts;
mod replay;
mod sent;

#[cfg(feature = "server")]
pub(crate) use facts::client_key;
pub(crate) use facts::connected;
pub(crate) use facts::with_client;
pub use facts::{HttpFacts, KeyBy, UnknownClientError};
pub use replay::{HttpReplay, Kept};
pub use sent::SentBody;
