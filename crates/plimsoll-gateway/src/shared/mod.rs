//! The state that all workers and the control plane share.
//!
//! | file | what |
//! | --- | --- |
//! | `accepts` | connections that could not be accepted, in the log |
//! | `clients` | how many connections each client has |

mod accepts;
mod clients;

pub(crate) use accepts::AcceptFailures;
pub(crate) use clients::{Clients, TooMany};

use crate::{metrics::Metrics, snapshot::Snapshot, upstream::Notices};
use arc_swap::ArcSwap;
use plimsoll::{
    driver::Time,
    http::{dial::Dialer, headers::Strangers},
};
use std::sync::{Arc, atomic::AtomicBool};
use tokio::sync::watch;

/// The state that all workers and the control plane share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) accept_failures: AcceptFailures,
    /// Clock, timers and randomness of requests and policies.
    pub(crate) time: Time,
    /// Connections to endpoints, of requests and of health checks.
    pub(crate) dialer: Dialer,
    pub(crate) clients: Arc<Clients>,
    /// Peers that say for whom they ask, and that nobody trusts.
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) draining: AtomicBool,
    /// Tells of every snapshot that is put in force, by its generation.
    pub(crate) generations: watch::Sender<u64>,
}
