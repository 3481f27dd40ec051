//! The outbound client over real sockets.
#![cfg(feature = "client")]
#![allow(missing_docs)]

mod again;
#[cfg(feature = "reqwest")]
mod around_reqwest;
mod cancelled;
mod counted;
mod discarded;
#[cfg(feature = "tls")]
mod encrypted;
mod goes_along;
mod kept;
mod limits;
mod names;
mod pool;
mod responses;
mod server;
mod service;
mod shared;
mod speaks;
mod stand;
