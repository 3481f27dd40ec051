//! A server with everything on.
mod accept;
mod admin;
mod app;
mod bound;
mod connection;
mod error;
mod io;
mod limits;
mod listen;
mod metrics;
mod pulse;
mod record;
mod routes;
mod server;
mod signals;
mod stack;

pub use admin::{AdminToken, NoToken};
pub use bound::Bound;
pub use error::ServeError;
pub use limits::{HeadRoom, Limits, NoHeadRoom, NoTimeLimit, TimeLimit};
pub use listen::Listen;
pub use server::{Bare, Bounded, Server, serve, service};
