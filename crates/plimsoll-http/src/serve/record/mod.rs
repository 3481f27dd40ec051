//! The record of each request: its trace, its id, its client; a span while it is under way, then one log line and its
//! counts.

mod body;
mod entry;
mod service;

pub(super) use service::{Names, Record, Recording};
