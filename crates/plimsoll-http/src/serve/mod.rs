//! A server with everything on.
mod accept;
mod connection;
mod error;
mod io;
mod limits;
mod listen;
mod metrics;
mod pulse;
mod record;
mod routes;

pub use error::ServeError;
pub use limits::{HeadRoom, Limits, NoHeadRoom, NoTimeLimit, TimeLimit};
pub use listen::Listen;
