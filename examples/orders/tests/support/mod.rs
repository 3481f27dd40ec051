//! Support shared by the tests of the service.
#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    reason = "each test binary uses its part"
)]

pub mod faulty;
pub mod payments;
pub mod running;
pub mod web;

use orders::config::{DatabaseConfig, DatabaseFile};

/// A database with a pool of so many connections, and little patience.
pub fn database_config(url: &str, connections: u32) -> DatabaseConfig {
    let file =
        DatabaseFile { url: url.to_owned(), connections, wait: "1s".to_owned(), statement: "5s".to_owned() };
    DatabaseConfig::try_from(file).unwrap()
}
