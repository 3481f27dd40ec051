//! Orders in PostgreSQL, payments over HTTP: a small service on the whole library.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
mod invoices;
mod metrics;
pub mod outbox;
mod payments;
pub mod report;
pub mod service;
pub mod store;
mod workers;
