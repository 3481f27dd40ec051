//! The policy file: from TOML (or JSON) to validated types, and back.
//!
//! A [`Document`] is parsed TOML that has not been validated. [`Document::read`] makes a type of it whose values are all
//! valid, or reports every fault at once, each with its line and column, the expectation, and the nearest known word
//! ([`ConfigError`]).
//!
//! ```
//! use plimsoll_config::{Document, PolicyFile};
//!
//! let document = Document::parse("policy.toml", r#"
//! version = 1
//! [policy.careful]
//! timeout = { attempt = "1s", total = "3s" }
//! bulkhed = "off"
//! "#)?;
//! let faults = document.read::<PolicyFile>(&|name| std::env::var(name).ok()).unwrap_err();
//! assert!(faults.to_string().starts_with("policy.toml:5:1: policy.careful.bulkhed: unknown key \"bulkhed\""));
//! assert_eq!(faults.iter().next().and_then(|fault| fault.nearest()), Some("bulkhead"));
//! # Ok::<(), plimsoll_config::ConfigError>(())
//! ```
//!
//! # One description of each section
//!
//! A section is described once, by [`section!`]: keys, types, defaults, documentation. Reading, writing, the JSON Schema
//! ([`schema()`]) and the reference page ([`reference()`]) follow from it, so they cannot disagree. A program with sections
//! of its own (the gateway has) uses the same macro and the same [`Shape`]s.
//!
//! # Texts from the environment
//!
//! In a file, `${NAME}` in a text stands for the environment's value of `NAME`, and `$${` for `${` itself. Keys are not
//! replaced. A fault in such a text shows the reference, never the value. JSON (a patch of the admin API) has no
//! references: its sender must not read the environment by it.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod describe;
mod diagnostic;
mod document;
mod environment;
mod error;
mod header;
mod load;
mod merge;
mod name;
mod node;
mod policies;
mod policy;
mod quantities;
mod reader;
mod reference;
mod render;
mod scalars;
mod schema;
mod section;
mod shape;
mod size;
mod source_file;
#[cfg(test)]
mod tests;

pub use diagnostic::{ConfigError, Diagnostic, Location};
pub use document::{Document, from_json};
pub use environment::Env;
pub use error::{DocumentError, LoadError};
pub use header::HeaderName;
pub use load::MOST_BYTES;
pub use merge::merge;
pub use name::{Name, nearest};
pub use node::{Content, Entry, Node, Table};
pub use policies::{Policies, UnknownPolicyError};
pub use policy::PolicyFile;
pub use quantities::Version;
pub use reader::Reader;
pub use reference::reference;
pub use scalars::Secret;
pub use schema::{Schemas, either, schema, text_or};
pub use section::{Rules, Section};
pub use shape::{Located, NonEmpty, Shape};
pub use size::Size;
pub use source_file::SourceFile;

// Items that the macros' expansions name.
#[doc(hidden)]
pub use self::{
    schema::prose,
    section::{SectionSchema, one_of},
};
#[doc(hidden)]
pub use serde_json::{Map, Value, json};
