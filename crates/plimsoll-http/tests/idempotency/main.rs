//! Requests sent twice: what is done, what is answered, and what is left when something goes wrong in between.
#![allow(missing_docs)]

mod contract;
mod leaving;
mod limits;
mod model;
#[cfg(feature = "postgres")]
mod postgres;
mod replies;
mod support;
