//! The gateway: listeners, routes, upstreams, pools, health, reload and the admin API.

pub mod h1;
pub mod route;
pub mod spec;
