//! A strict HTTP/1.1 engine for proxies: both sides of the wire, on single-threaded tokio runtimes.
//!
//! It differs from a general HTTP library because a proxy differs from a server: it forwards, so it needs neither a
//! task and a channel for every body nor two buffers for every idle connection, and it must be stricter, because a
//! second reader stands behind it.
//!
//! * An ambiguous message is refused with a typed reason ([`RequestHeadError`], [`ResponseHeadError`],
//!   [`ChunkedError`]) before any of it is forwarded.
//! * A body ([`Incoming`]) reads its connection when it is polled: a slow writer slows the reader, and a body that
//!   breaks off is an error, never a short whole.
//! * A head is kept as the bytes that came with an index of its fields ([`Fields`]); body chunks are slices of the read
//!   buffer.
//! * Idle connections hold no buffer: buffers belong to the thread.
//! * Everything is bounded ([`HeadLimits`], [`ServerConfig`](server::ServerConfig),
//!   [`ClientConfig`](client::ClientConfig)).
//!
//! Connections and bodies are not `Send`: they live on the thread that made them. Timers are tokio's, so a runtime with
//! time enabled is needed to respond. The parser of heads is `httparse`; the checks beside it are this crate's.
//!
//! # Example
//!
//! A server reads a request, a client reads its response. Over a socket it is the same.
//!
//! ```
//! use http::{HeaderMap, HeaderValue, Method, Response, header};
//! use http_body_util::{BodyExt as _, Full};
//! use plimsoll_h1::{Drain, Incoming, client, server};
//! use std::{future::pending, rc::Rc};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (near, far) = tokio::io::duplex(1024);
//!
//! let serve = async {
//!     let mut conn = server::ServerConn::new(far, Rc::default(), &Drain::new());
//!     while let Some(request) = conn.next_request(pending()).await.ok().flatten() {
//!         let text = format!("{} {}", request.head.method, request.head.uri);
//!         let response = Response::new(Full::new(text.into()));
//!         match conn.respond(response).await {
//!             Ok(sent) if sent.next == server::Next::Request => {}
//!             _ => break,
//!         }
//!     }
//! };
//! let call = async {
//!     let conn = client::ClientConn::new(near, Rc::default(), None);
//!     let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("harbour"))]);
//!     let head = client::Outbound::new(&Method::GET, "/tide", &headers);
//!     match conn.send(head, Incoming::empty(), &mut ()).await? {
//!         client::ClientResponse::Response { body, .. } => Ok(body.collect().await?.to_bytes()),
//!         client::ClientResponse::Upgraded { .. } => Err("nobody asked for an upgrade".into()),
//!     }
//! };
//! let (body, ()) = tokio::join!(call, serve);
//! # let body: Result<_, Box<dyn std::error::Error>> = body;
//! assert_eq!(body?, "GET /tide");
//! # Ok(()) }
//! ```
//!
//! `examples/bare_proxy.rs` is a whole proxy in a hundred lines.
//!
//! # Modules
//!
//! | file | contents |
//! | --- | --- |
//! | `server/`, `client/` | connections of the two sides |
//! | `request_head`, `response_head`, `fields`, `target`, `head_scanner` | strict reading of heads |
//! | `framing`, `body_reader`, `chunked`, `body` | reading of bodies |
//! | `encode`, `outgoing`, `date` | writing |
//! | `splice`, `turn`, `pace` | large bodies from socket to socket; their fair share of a thread; slow clients |
//! | `buffer`, `transport`, `drain` | memory, sockets, the end of a worker |
//! | `limits`, `error`, `semantics` | bounds, errors, and the rules that HTTP/2 shares |
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
mod head_scanner;
mod limits;
mod outgoing;
mod pace;
mod request_head;
mod response_head;
pub mod semantics;
pub mod server;
mod splice;
mod target;
mod transport;
mod turn;

pub use body::Incoming;
pub use buffer::ReadBuffer;
pub use date::date;
pub use drain::Drain;
pub use encode::{EncodedFields, FieldWriter};
pub use error::{BodyError, ChunkedError, RequestHeadError, ResponseHeadError};
pub use fields::{Fields, FieldsRef};
pub use framing::Framing;
pub use limits::{HeadLimits, MOST_FIELDS};
pub use pace::Pace;
pub use request_head::RequestHead;
pub use response_head::ResponseHead;
pub use splice::{Pipe, Splice};
pub use transport::Transport;
