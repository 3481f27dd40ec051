//! The side that clients connect to.
//!
//! | file | what |
//! | --- | --- |
//! | `config` | limits and times |
//! | `conn` | waiting for requests, reading their heads |
//! | `respond`, `bypass`, `stall` | answers and what follows them; large bodies; clients that take nothing |
//! | `close` | the orderly end |
//! | `watch` | is the client still there; interim answers |
//! | `shared` | the state that connection, body and handles share |
//! | `error` | how requests and answers fail |

mod bypass;
mod close;
mod config;
mod conn;
mod error;
mod respond;
mod shared;
mod stall;
mod watch;

pub use config::ServerConfig;
pub use conn::{Idle, ServerConn};
pub use error::{NextError, RespondError, RespondFault};
pub use respond::{Next, Sent};
pub use watch::{Gone, Informational};
