//! Files as a client sees them.
#![cfg(all(feature = "files", feature = "server", unix))]

mod answers;
mod folder;
#[cfg(feature = "server")]
mod nested;
mod safety;
mod sockets;
