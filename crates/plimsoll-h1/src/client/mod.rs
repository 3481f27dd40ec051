//! The client side: connections to upstreams.
//!
//! | file | contents |
//! | --- | --- |
//! | `conn` | a connection between exchanges; sending a request |
//! | `exchange` | a request and its response under way, and the connection after them |
//! | `response`, `response_body` | the response, and its body |
//! | `observer` | the trait that observes an exchange |
//! | `error` | errors of an exchange |

mod conn;
mod error;
mod exchange;
mod observer;
mod response;
mod response_body;

pub use conn::{ClientConfig, ClientConn, Hook, Outbound};
pub use error::{SendError, SendErrorKind};
pub use observer::Observer;
pub use response::ClientResponse;
