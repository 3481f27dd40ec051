//! The gateway's file: from TOML to a [`GatewaySpec`], and back.
//!
//! The file is described once, section by section, with [`plimsoll::config`]: reading, writing, the JSON
//! Schema and the reference page follow from that. A [`GatewaySpec`] is returned only if every value is valid and every
//! name is known; otherwise every fault is reported at once, with its location.
//!
//! ```
//! use plimsoll_gateway::file;
//!
//! let text = r#"
//! version = 1
//! [[listener]]
//! listen = "127.0.0.1:8080"
//! [[route]]
//! upstream = "orders"
//! [upstream.orders]
//! endpoints = ["127.0.0.1:9001"]
//! "#;
//! let loaded = file::parse("gateway.toml", text, &|name| std::env::var(name).ok())?;
//! assert_eq!(loaded.spec.routes[0].upstream.as_str(), "orders");
//! assert!(loaded.warnings.is_empty());
//!
//! let wrong = text.replace("upstream = \"orders\"", "upstream = \"ordrs\"");
//! let invalid = file::parse("gateway.toml", &wrong, &|_| None).unwrap_err();
//! assert_eq!(
//!     invalid.to_string(),
//!     "gateway.toml:6:12: route[0].upstream: no upstream is called \"ordrs\", expected \"orders\" \
//!      (did you mean \"orders\"?)"
//! );
//! # Ok::<(), file::DocumentError>(())
//! ```
//!
//! # Checks between the parts
//!
//! Unknown upstreams of routes, addresses that are used twice and the like are found by a lenient reading beside the strict
//! one (`lenient.rs`, `cross_checks/`), so that they are reported together with all other faults.

mod access_log;
mod address;
mod admin;
mod amount;
mod array_of_tables;
mod choice;
mod cross_checks;
mod distinct;
mod lenient;
mod limits;
mod listener;
mod load;
mod matching;
mod network;
mod response;
mod root;
mod route;
mod sections;
#[cfg(test)]
mod tests;
mod trusted;
mod upstream;

pub use load::{Loaded, load, parse};
#[doc(inline)]
pub use plimsoll::config::{DocumentError, LoadError, MOST_BYTES};

use crate::spec::GatewaySpec;
use plimsoll::config::Shape;
use serde_json::Value;

/// The replacement of a secret.
const HIDDEN: &str = "***";

/// The JSON Schema (draft 2020-12) of the file.
pub fn schema() -> Value {
    plimsoll::config::schema::<root::Root>("Plimsoll gateway")
}

/// Returns the schema as a part of another document, whose definitions it shares.
pub(crate) fn schema_among(schemas: &mut plimsoll::config::Schemas) -> Value {
    root::Root::schema(schemas)
}

/// Every key of the file as a Markdown table.
pub fn reference() -> String {
    plimsoll::config::reference(&schema())
}

/// Encodes a specification with the keys and spellings of the file, defaults included.
///
/// Secrets, and header values from the environment, are `"***"`; everything else reads back as it was.
pub fn encode(spec: &GatewaySpec) -> Value {
    sections::Sections::from(spec).write()
}
