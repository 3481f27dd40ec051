//! The gateway: listeners, routes, upstreams, pools, health, reload and the admin API.
//!
//! The program `plimsoll run` is [`control::run`]. Inside another program, or a test, it is [`control::Control`]:
//!
//! ```
//! use plimsoll_gateway::{control::Control, file};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"
//! version = 1
//! workers = 1
//! admin = "off"
//! [[listener]]
//! listen = "127.0.0.1:0"
//! [[route]]
//! upstream = "orders"
//! [upstream.orders]
//! endpoints = ["127.0.0.1:9001"]
//! "#;
//! let loaded = file::parse("gateway.toml", text, &|name| std::env::var(name).ok())?;
//! let control = Control::start(loaded.spec, None).await?;
//! assert_ne!(control.gateway().addresses()[0].port(), 0);
//! assert_eq!(control.drain(Duration::from_secs(1)).await, 0); // nothing had to be cut off
//! # Ok(()) }
//! ```
//!
//! The file is described in [`mod@file`], and a request's way through the gateway in `ARCHITECTURE.md` of the repository.
#![forbid(unsafe_code)]

mod access_log;
mod admin;
mod collect;
pub mod control;
pub mod file;
mod gateway;
use plimsoll_h1 as h1;
mod health;
mod hostname;
mod http2;
mod metrics;
mod plane;
mod proxy;
pub mod route;
mod shared;
mod snapshot;
pub mod spec;
mod timestamp;
mod upstream;
mod view;
mod why;
mod worker;

pub use gateway::{Gateway, StartError};
/// The library whose types specs and views are made of.
#[doc(no_inline)]
pub use plimsoll;
pub use plimsoll::telemetry::logs;
pub use view::{EndpointView, PolicyView, UpstreamView};
