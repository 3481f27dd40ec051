//! What the layers of [`plimsoll_tower`] want to know of an HTTP request, and how they send one again.
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

pub(crate) use facts::connected;
pub use facts::{HttpFacts, KeyBy};
pub use replay::{HttpReplay, Kept};
pub use sent::SentBody;
