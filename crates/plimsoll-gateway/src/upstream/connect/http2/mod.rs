//! HTTP/2 connections to endpoints: a few each, many requests at once on each.
//!
//! | file | what |
//! | --- | --- |
//! | `connection` | one connection: its streams, its uploads, how long it is used |
//! | `permit` | the right to one stream on a connection |
//! | `pool` | an endpoint's connections, and which of them takes a request |

mod connection;
mod permit;
mod pool;

pub(crate) use permit::StreamPermit;

use super::ConnectError;
use crate::upstream::{Endpoint, Upstream};
use plimsoll::{http::dial::Dialer, policy::Instant};
use pool::Http2Pool;
use std::{cell::RefCell, collections::HashMap, net::IpAddr, rc::Rc};

/// The HTTP/2 pools of a worker, by the endpoint's id.
#[derive(Debug, Default)]
pub(super) struct Http2Pools {
    by_endpoint: RefCell<HashMap<u64, Rc<Http2Pool>, ahash::RandomState>>,
}

impl Http2Pools {
    /// Returns a permit for a stream on one of the endpoint's connections; one more is made where those there have no room.
    ///
    /// # Errors
    /// No connection came about, or the most that may be made are there and stay full.
    pub(super) async fn acquire(
        &self,
        dialer: &Dialer,
        upstream: &Upstream,
        endpoint: &Endpoint,
        uploads: bool,
    ) -> Result<StreamPermit, ConnectError> {
        let pool = Rc::clone(self.by_endpoint.borrow_mut().entry(endpoint.id).or_default());
        pool.set_spec(upstream.spec.pool);
        match pool.pick(uploads) {
            Some(permit) => Ok(permit),
            // Rare, and large.
            None => Box::pin(pool.wait_or_dial(dialer, upstream, endpoint, uploads)).await,
        }
    }

    /// Forgets closed connections, those without use for too long, those of endpoints that are not among `live` any more,
    /// and those to addresses that are not among the endpoint's any more, where these are known. What is under way on them
    /// ends first.
    pub(super) fn sweep(
        &self,
        now: Instant,
        live: impl Fn(u64) -> bool,
        addresses: impl Fn(u64) -> Option<Vec<IpAddr>>,
    ) {
        self.by_endpoint.borrow_mut().retain(|endpoint, pool| {
            pool.sweep(now, addresses(*endpoint).as_deref());
            live(*endpoint) && pool.is_used()
        });
    }
}
