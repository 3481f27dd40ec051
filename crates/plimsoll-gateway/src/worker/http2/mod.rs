//! HTTP/2 on both sides, by prior knowledge.
//!
//! | file | what |
//! | --- | --- |
//! | `serving` | a client's connection: its streams, its pings, its end |
//! | `respond` | one stream's request and the way of its response |
//! | `check` | what is refused although it is HTTP/2, since it must make one request of HTTP/1.1 |
//! | `streams`, `stream` | when a connection is idle, and whether its client takes what is there for it |
//! | `taken` | an answer's body, whose parts are followed into the socket |
//! | `unsent` | what is held for clients in all, and who is closed where that is too much |
//! | `still` | since when a count stands still |
//! | `rewound` | a socket with what was read of it before |
//! | `pools` | connections to endpoints |

mod check;
mod pools;
mod respond;
mod serving;
mod still;
mod stream;
mod streams;
mod taken;
mod unsent;

pub(crate) use pools::{Http2Pools, Lease};
pub(super) use serving::serve;
pub(crate) use unsent::Unsent;
