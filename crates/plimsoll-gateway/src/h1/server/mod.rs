//! The side that clients connect to.
//!
//! | file | what |
//! | --- | --- |
//! | `config` | limits and times |
//! | `conn` | waiting for requests, reading their heads |
//! | `respond` | answers, what follows them, the orderly close |
//! | `watch` | is the client still there; interim answers |
//! | `shared` | the state that connection, body and handles share |
//! | `error` | how requests and answers fail |

mod config;
mod conn;
mod error;
mod respond;
mod shared;
mod watch;

pub use config::ServerConfig;
pub use conn::{Idle, ServerConn};
pub use error::{NextError, RespondError, RespondFault};
pub use respond::{Next, Sent};
pub use watch::{Gone, Informational};
