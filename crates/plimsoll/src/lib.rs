//! Production hardening for Rust backends: one crate to add.
