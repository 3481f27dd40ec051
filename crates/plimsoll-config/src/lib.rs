//! The policy file: from TOML (or JSON) to validated types, and back.
//!
//! A [`Document`] is text that is TOML and has not been asked yet whether it makes sense. What can be run comes out of
//! [`Document::read`] alone, as a type whose values are all valid; otherwise every fault comes out at once, each with
//! its line and column, what was expected, and the nearest known word ([`Faults`]).
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
//! # Ok::<(), plimsoll_config::Faults>(())
//! ```
//!
//! # One description of each section
//!
//! A section is described once, by [`section!`]: keys, types, defaults, documentation. Reading, writing, the JSON Schema
//! ([`schema()`]) and the reference page ([`reference()`]) follow from it, so they cannot disagree. Whoever adds sections
//! to the file (the gateway does) uses the same macro and the same [`Shape`]s.
//!
//! # Texts from the environment
//!
//! In a file, `${NAME}` in a text stands for the environment's value of `NAME`, and `$${` for `${` itself. Keys are not
//! replaced. A fault about such a text shows the reference, never the value. JSON (a patch of the admin API) has no
//! references: whoever may send it must not thereby read the environment.
#![forbid(unsafe_code)]

mod describe;
mod document;
mod environment;
mod fault;
mod header;
mod invalid;
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
mod source;
#[cfg(test)]
mod tests;

pub use document::{Document, from_json};
pub use environment::Env;
pub use fault::{Fault, Faults, Place};
pub use header::HeaderName;
pub use invalid::{Invalid, LoadError};
pub use load::MOST_BYTES;
pub use merge::merge;
pub use name::{Name, nearest};
pub use node::{Content, Entry, Node, Table};
pub use policies::{Policies, UnknownPolicy};
pub use policy::PolicyFile;
pub use quantities::Version;
pub use reader::Reader;
pub use reference::reference;
pub use scalars::Secret;
pub use schema::{Schemas, either, schema, text_or};
pub use section::{Rules, Section};
pub use shape::{NonEmpty, Placed, Shape};
pub use size::Size;
pub use source::Source;

// What the macros' expansions name.
#[doc(hidden)]
pub use self::{
    schema::prose,
    section::{SectionSchema, one_of},
};
#[doc(hidden)]
pub use serde_json::{Map, Value, json};
