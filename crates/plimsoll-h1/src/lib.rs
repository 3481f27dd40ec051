//! The gateway's own HTTP/1.1 engine: both sides of the wire, for single-threaded runtimes.
//!
//! Why not a general one? A gateway forwards: it neither needs a task and a channel for every body, nor two
//! buffers for every idle connection, and it must be stricter than a server may be, because a second reader stands
//! behind it. So here
//!
//! * what is ambiguous is refused with a typed reason ([`Refusal`], [`Garbage`]) before any of it is forwarded;
//! * a body ([`Incoming`]) reads its connection when it is polled: whoever writes slowly slows the reader, and a
//!   body that breaks off is an error, never a short whole;
//! * header values and body chunks are slices of the read buffer;
//! * idle connections hold no buffer: buffers belong to the worker's thread;
//! * everything is bounded ([`HeadLimits`], [`ServerConfig`](server::ServerConfig),
//!   [`ClientConfig`](client::ClientConfig)).
//!
//! Nothing here is `Send`: a connection lives and dies on its worker. `examples/bare_proxy.rs` is a whole proxy on it.
//!
//! | file | what |
//! | --- | --- |
//! | `server/`, `client/` | connections of the two sides |
//! | `request_head`, `response_head`, `fields`, `target`, `lines` | reading heads strictly |
//! | `framing`, `body_reader`, `chunked`, `body` | reading bodies |
//! | `encode`, `outgoing`, `date` | writing |
//! | `splice`, `turn` | large bodies from socket to socket, and beside others |
//! | `buffer`, `transport`, `drain` | memory, sockets, the end of a worker |
//! | `limits`, `error` | bounds, and what was wrong |
#![forbid(unsafe_code)]

mod body;
mod body_reader;
mod buffer;
mod chunked;
pub mod client;
mod date;
mod drain;
mod encode;
mod error;
mod fields;
mod framing;
mod limits;
mod lines;
mod outgoing;
mod pace;
pub mod request_head;
pub mod response_head;
pub mod server;
mod splice;
mod target;
mod transport;
mod turn;

pub use body::Incoming;
pub use buffer::ReadBuffer;
pub use date::date;
pub use drain::Drain;
pub use encode::FieldWriter;
pub use error::{BodyError, ChunkFault, Garbage, Refusal};
pub use fields::{has_blank_end, list_size, may_not_trail};
pub use framing::Framing;
pub use limits::{HeadLimits, MOST_FIELDS};
pub use pace::{GRACE, Pace};
pub use splice::{Pipe, Splice};
pub use target::{check_host, is_authority};
pub use transport::Transport;
