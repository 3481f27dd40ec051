//! Files as a client sees them.
#![cfg(all(feature = "static-files", feature = "server", unix))]

mod folder;
#[cfg(feature = "server")]
mod nested;
mod responses;
mod safety;
mod sockets;
