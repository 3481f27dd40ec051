//! The gateway's file: from TOML to a [`GatewaySpec`], and back.
//!
//! What the file may say is described once, section by section, with [`plimsoll::config`]: reading, writing, the JSON
//! Schema and the reference page follow from that. A [`GatewaySpec`] comes out only when every value is valid and every
//! name leads somewhere; otherwise every fault comes out at once, with its place.
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
//! # Ok::<(), file::Invalid>(())
//! ```
//!
//! # What stands between the parts
//!
//! That a route names an upstream that is there, or that no address is listened on twice, is found on a looser reading
//! beside the strict one (`outline.rs`): so it is told together with whatever else is wrong, and not only once the rest
//! is right.

mod access_log;
mod address;
mod admin;
mod amount;
mod answer;
mod between;
mod choice;
mod distinct;
mod limits;
mod listed;
mod listener;
mod load;
mod matching;
mod network;
mod outline;
mod route;
mod sections;
#[cfg(test)]
mod tests;
mod trusted;
mod upstream;
mod whole;

pub use load::{Loaded, load, parse};
#[doc(inline)]
pub use plimsoll::config::{Invalid, LoadError, MOST_BYTES};

use crate::spec::GatewaySpec;
use plimsoll::config::Shape;
use serde_json::Value;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// The JSON Schema (draft 2020-12) of the file.
pub fn schema() -> Value {
    plimsoll::config::schema::<whole::Whole>("Plimsoll gateway")
}

/// The same as a part of another document, whose schemas it shares.
pub(crate) fn schema_among(schemas: &mut plimsoll::config::Schemas) -> Value {
    whole::Whole::schema(schemas)
}

/// Every key of the file as a Markdown table.
pub fn reference() -> String {
    plimsoll::config::reference(&schema())
}

/// What a gateway is told, with the file's keys and spellings and with defaults written out.
///
/// Secrets, and values of headers that came from the environment, are `"***"`; all else reads back as it was.
pub fn encode(spec: &GatewaySpec) -> Value {
    sections::Sections::from(spec).write()
}
