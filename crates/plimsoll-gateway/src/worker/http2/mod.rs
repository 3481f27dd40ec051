//! Clients' connections of HTTP/2, by prior knowledge.
//!
//! | file | what |
//! | --- | --- |
//! | `serving` | a client's connection: its streams, its pings, its end |
//! | `respond` | one stream's request and the way of its response |
//! | `check` | what is refused although it is HTTP/2, since it must make one request of HTTP/1.1 |
//! | `streams`, `stream` | when a connection is idle, and whether its client takes what is there for it |
//! | `taken` | a response's body, whose parts are followed into the socket |

mod check;
mod respond;
mod serving;
mod stream;
mod streams;
mod taken;

pub(super) use serving::serve;
