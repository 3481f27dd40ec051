//! The server on real sockets: what it answers to those who misbehave, and how it ends.
#![cfg(feature = "server")]
#![allow(missing_docs)]

mod admin;
mod again;
mod client;
mod drain;
mod http2;
mod in_flight;
mod limits;
mod log;
mod nested;
mod places;
mod protocols;
mod requests;
mod stand;
mod upgrades;
