//! The server side: connections from clients.
//!
//! | file | contents |
//! | --- | --- |
//! | `config` | limits and times |
//! | `conn` | waits for requests and reads their heads |
//! | `respond`, `bypass`, `write_stall` | responses; large bodies from socket to socket; clients that do not read |
//! | `lead` | the bound on bytes that the system holds for a client that has not shown that it reads |
//! | `close` | the orderly end |
//! | `watch` | the client's end; interim responses |
//! | `shared` | the state that connection, body and handles share |
//! | `error` | errors of requests and responses |

mod bypass;
mod close;
mod config;
mod conn;
mod error;
mod lead;
mod respond;
mod shared;
mod watch;
mod write_stall;

pub use config::ServerConfig;
pub use conn::{Idle, Received, ServerConn};
pub use error::{NextError, RespondError, RespondErrorKind};
pub use respond::{Next, Outbound, Sent};
pub use watch::{Gone, Informational};
