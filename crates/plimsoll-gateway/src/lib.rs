//! The gateway: listeners, routes, upstreams, pools, health, reload and the admin API.
#![forbid(unsafe_code)]

mod access_log;
mod admin;
mod collect;
pub mod control;
pub mod file;
mod gateway;
pub mod h1;
mod health;
mod host;
mod in_flight;
mod metrics;
mod pool;
mod proxy;
pub mod route;
mod snapshot;
pub mod spec;
mod timestamp;
mod upstream;
mod view;
mod worker;

pub use gateway::{Gateway, StartError};
/// The library whose types specs and views are made of.
#[doc(no_inline)]
pub use plimsoll;
pub use plimsoll::telemetry::logs;
pub use view::{EndpointView, PolicyView, UpstreamView};
