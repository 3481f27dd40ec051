//! The server on real sockets: what it answers to those who misbehave, and how it ends.
#![cfg(feature = "server")]
#![allow(missing_docs)]

mod client;
mod drain;
mod limits;
mod log;
mod places;
mod protocols;
mod requests;
mod stand;
