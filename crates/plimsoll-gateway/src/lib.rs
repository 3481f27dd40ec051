//! The gateway: listeners, routes, upstreams, pools, health, reload and the admin API.
#![forbid(unsafe_code)]

pub mod file;
mod gateway;
pub mod h1;
mod host;
mod metrics;
mod pool;
mod proxy;
pub mod route;
mod snapshot;
pub mod spec;
mod upstream;
mod view;
mod worker;

pub use gateway::{Gateway, StartError};
pub use view::{EndpointView, PolicyView, UpstreamView};
