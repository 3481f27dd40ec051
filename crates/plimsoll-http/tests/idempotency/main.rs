//! Requests sent twice: the work, the responses, and the state left by a failure in between.
#![allow(missing_docs)]

mod contract;
mod leaving;
mod limits;
mod model;
#[cfg(feature = "postgres")]
mod postgres;
mod replies;
mod support;
