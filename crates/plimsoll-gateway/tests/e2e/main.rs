//! The gateway from outside: raw sockets on both sides, one file for each topic.

#[path = "../../../plimsoll-h1/tests/corpus/mod.rs"]
mod corpus;
mod support;

mod blame;
mod connections;
mod drain;
mod faults;
mod field_names;
mod gone;
mod headers;
mod http2;
mod interim;
mod keep_alive;
mod leaky_bucket;
mod limits;
mod malformed;
mod messages;
mod names;
mod policies;
mod protocol;
mod recovery;
mod responses;
mod retries;
mod routes;
mod spellings;
mod stale;
mod timeouts;
mod upgrades;
mod windows;
