//! Faults, row by row: the response, nothing lost, nothing leaked, and the service still serving.
#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod clients;
mod database;
mod keys;
mod leaks;
mod panics;
mod payment;
