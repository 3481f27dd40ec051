//! Messages over HTTP/2, whichever side they go to: what h2 leaves to its user.
//!
//! | file | what |
//! | --- | --- |
//! | `blocks` | how long the lists of fields are that come over a connection |
//! | `received` | a body that is read from a stream |
//! | `sending` | a body that is written to a stream |
//! | `keep_alive` | pings of a connection that is silent |
//! | `still` | since when a count stands still |
//! | `wire` | a socket whose bytes are counted |

mod blocks;
mod keep_alive;
mod received;
mod sending;
mod still;
mod wire;

pub(crate) use blocks::{ListLimits, is_too_long};
pub(crate) use keep_alive::KeepAlive;
pub(crate) use received::Received;
pub(crate) use sending::{Broken, Sending};
pub(crate) use still::Still;
pub(crate) use wire::{Wire, Wired};

/// The largest payload of a frame that is taken: the least that HTTP/2 allows (RFC 9113, section 4.2).
pub(crate) const FRAME: u32 = 16 * 1024;

/// Streams that h2 may reset for errors of the peer's before it ends the connection.
pub(crate) const ERRORS: usize = 1024;
