//! The outbound client over real sockets.
#![cfg(feature = "client")]
#![allow(missing_docs)]

mod again;
mod cancelled;
mod goes_along;
mod limits;
mod server;
mod service;
mod shared;
mod stand;
