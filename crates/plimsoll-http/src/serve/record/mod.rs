//! What is kept of each request: a span while it is under way, then one line in the log and its counts.

mod body;
mod entry;
mod service;

pub(super) use service::Record;
