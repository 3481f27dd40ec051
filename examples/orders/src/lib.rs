//! Orders in PostgreSQL, payments over HTTP: a small service on the whole library.

pub mod config;
pub mod domain;
pub mod report;
pub mod store;
