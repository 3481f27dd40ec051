//! The side that connects to upstreams.
//!
//! | file | what |
//! | --- | --- |
//! | `conn` | a connection between exchanges; sending a request |
//! | `exchange` | a request and its answer under way, and what becomes of the connection |
//! | `observer` | what may be learnt meanwhile |
//! | `error` | how an exchange fails |

mod conn;
mod error;
mod exchange;
mod observer;

pub use conn::{ClientConfig, ClientConn, Hook, Outbound};
pub use error::{SendError, SendFault};
pub use exchange::Answer;
pub use observer::Observer;
