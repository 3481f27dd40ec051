//! The admin API: health, metrics, what the gateway is told and how it stands, and the few things that can be changed.
//!
//! | file | what |
//! | --- | --- |
//! | `server` | the library's server around it, and its limits |
//! | `guard` | who may ask at all: token, `Host`, content type |
//! | `paths` | which path leads where |
//! | `probes`, `metrics`, `status`, `routes`, `upstreams`, `policies`, `config` | what is read |
//! | `changes`, `log` | what is changed |
//! | `response` | responses and problems |
//! | `openapi` | the description of all of it |
//!
//! Keys within `spec` are the file's; all others are snake case, with their unit at the end.

mod changes;
mod config;
mod guard;
mod log;
mod metrics;
mod openapi;
mod paths;
mod policies;
mod probes;
mod response;
mod routes;
mod server;
mod status;
mod upstreams;

pub(crate) use server::{bind, run};
