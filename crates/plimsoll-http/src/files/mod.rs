//! Files over HTTP: ranges, conditions, precompressed variants, and nothing outside one folder.
//!
//! [`Files`] is a tower service over one folder, [`Download`] the response of a handler that hands out one file.
//!
//! ```no_run
//! use plimsoll_http::files::{Encoding, Files};
//!
//! let files = Files::new("/srv/www")?
//!     .precompressed([Encoding::Brotli, Encoding::Gzip])
//!     .cache_control("public, max-age=3600".parse().unwrap());
//! let app: axum::Router = axum::Router::new().nest_service("/static", files);
//! # std::io::Result::Ok(())
//! ```
//!
//! # Compared with `tower_http::services::ServeDir`
//! Both serve single ranges, conditions by date and tag, variants by `Accept-Encoding` and index files, and refuse `..`.
//! These differences from tower-http's `ServeDir` are the reason for this module:
//!
//! | | `ServeDir` 0.7 | here |
//! | --- | --- | --- |
//! | `If-Range` | not read: a part of a new file is appended to an old one | honoured, strong comparison |
//! | several ranges | 416, or the whole | `multipart/byteranges`; near ones joined, their number bounded |
//! | a malformed range | 416 | ignored, like an unknown unit |
//! | symbolic links | followed anywhere | not out of the folder, by the kernel (`RESOLVE_BENEATH`) |
//! | `.git`, `.env` | served | only if switched on |
//! | a FIFO | a blocking thread waits for a writer, for ever | 404 at once |
//! | changed while it is sent | mixed, and ended as complete | the body fails |
//! | tag of a file changed just now | strong | weak for two seconds |
//! | a file in the page cache | four or more trips to the blocking pool | none |
//! | a chunk | fresh memory, copied twice in user space | a kept buffer, copied once |
//! | refusals | empty | [`Problem`](crate::Problem) |
//!
//! `ServeDir` also has a fallback service, other backends, `deflate` and Windows, which this module lacks.
//! `cargo xtask bench files` compares the cost of a request with `ServeDir` and nginx.
//!
//! # Waits for a disk
//! On Linux a file is opened with `RESOLVE_CACHED` and read with `RWF_NOWAIT`: the kernel does both at once from its caches
//! or reports that it would have to wait. Only then does the work go to the runtime's blocking pool, with read-ahead. So
//! cached files cost no change of thread, and a slow disk never delays a worker. On file systems without this support
//! (overlayfs, some network ones), older kernels and other Unixes each chunk of 128 KiB takes one trip to the pool.
//!
//! The module exists on Unix only.

mod body;
mod buffers;
mod conditions;
mod disposition;
mod download;
mod encoding;
mod future;
mod multipart;
mod name;
mod open;
mod ranges;
mod representation;
mod root;
mod service;
mod types;
mod validators;

pub use body::{FileBody, FileError};
pub use download::Download;
pub use encoding::Encoding;
pub use future::FilesFuture;
pub use service::Files;
