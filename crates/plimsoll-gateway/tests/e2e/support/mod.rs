//! Raw sockets on both sides of a gateway that runs in this process.
//!
//! Clients and origins are plain blocking sockets that a test drives step by step: nothing of the gateway's own engine
//! takes part, so that a mistake in the engine cannot hide itself. Whatever is waited for is waited for until it
//! happens, at most [`PATIENCE`]; nothing sleeps for a guessed time.

mod client;
mod gateway;
pub(crate) mod http2;
mod message;
mod names;
mod origin;
mod wire;

pub(crate) use client::Client;
pub(crate) use gateway::{Running, Setup};
pub(crate) use message::{ClientResponse, Framing, Head, Request};
pub(crate) use names::Names;
pub(crate) use origin::{Deaf, Origin, own_address, refused_address};
pub(crate) use wire::{End, Wire};

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: long enough for a machine that is busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes that mean nothing, many at a time.
pub(crate) const FILLING: &[u8] = &[b'x'; 65536];

/// Asks until the response is there.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < limit, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}
