//! Connections to endpoints.
//!
//! | file | what |
//! | --- | --- |
//! | `connection` | one connection: its streams, its uploads, how long it is used |
//! | `slot` | an endpoint's connections, and which of them takes a request |

mod connection;
mod slot;

pub(crate) use connection::Lease;

use crate::{
    proxy::Fault,
    upstream::{Endpoint, Upstream},
};
use plimsoll::{http::dial::Dialer, policy::Instant};
use slot::Slot;
use std::{cell::RefCell, collections::HashMap, net::IpAddr, rc::Rc};

/// A worker's HTTP/2 connections to endpoints: a few each, many requests at once on each.
#[derive(Debug, Default)]
pub(crate) struct Http2Pools {
    by_endpoint: RefCell<HashMap<u64, Rc<Slot>, ahash::RandomState>>,
}

impl Http2Pools {
    /// A place for a stream on one of the endpoint's connections; one more is made where those there have none.
    ///
    /// # Errors
    /// No connection came about, or the most that may be made are there and stay full.
    pub(crate) async fn lease(
        &self,
        dialer: &Dialer,
        upstream: &Upstream,
        endpoint: &Endpoint,
        uploads: bool,
    ) -> Result<Lease, Fault> {
        let slot = Rc::clone(self.by_endpoint.borrow_mut().entry(endpoint.id).or_default());
        slot.set_spec(upstream.spec.pool);
        match slot.pick(uploads) {
            Some(lease) => Ok(lease),
            // Rare, and large.
            None => Box::pin(slot.wait_or_dial(dialer, upstream, endpoint, uploads)).await,
        }
    }

    /// Forgets closed connections, those without use for too long, those of endpoints that are not among `live` any more,
    /// and those to addresses that are not among the endpoint's any more, where these are known. What is under way on them
    /// ends first.
    pub(crate) fn sweep(
        &self,
        now: Instant,
        live: impl Fn(u64) -> bool,
        addresses: impl Fn(u64) -> Option<Vec<IpAddr>>,
    ) {
        self.by_endpoint.borrow_mut().retain(|endpoint, slot| {
            slot.sweep(now, addresses(*endpoint).as_deref());
            live(*endpoint) && slot.is_used()
        });
    }
}
