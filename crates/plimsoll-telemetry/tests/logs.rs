//! Logging is set up once per process, so this has a process of its own.
#![cfg(not(loom))]

use plimsoll_telemetry::logs::{self, LogConfig, LogError};

#[test]
fn a_second_set_up_is_refused_and_nothing_panics() {
    let config = LogConfig { filter: "off".to_owned(), variable: None, ..LogConfig::default() };
    let logs = logs::init(&config).unwrap();
    assert!(matches!(logs::init(&config), Err(LogError::AlreadySet)));
    assert!(!tracing::enabled!(tracing::Level::ERROR));
    logs.set_filter("error").unwrap();
    assert!(tracing::enabled!(tracing::Level::ERROR), "a change is seen at once");
    assert_eq!(logs::current().unwrap().filter(), "error");
}
