//! Files as a client sees them.
#![cfg(all(feature = "static-files", feature = "server", unix))]

mod answers;
mod folder;
#[cfg(feature = "server")]
mod nested;
mod safety;
mod sockets;
