//! The gateway from outside: raw sockets on both sides, one file for each topic.

#[path = "../corpus/mod.rs"]
mod corpus;
mod support;

mod blame;
mod connections;
mod drain;
mod faults;
mod gone;
mod headers;
mod http2;
mod limits;
mod malformed;
mod messages;
mod policies;
mod recovery;
mod responses;
mod retries;
mod routes;
mod timeouts;
mod upgrades;
mod windows;
