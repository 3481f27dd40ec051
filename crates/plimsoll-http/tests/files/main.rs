//! Files as a client sees them.
#![cfg(all(feature = "files", feature = "server", unix))]

mod answers;
mod folder;
mod safety;
mod sockets;
