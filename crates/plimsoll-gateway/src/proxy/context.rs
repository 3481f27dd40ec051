use super::upload::Upload;
use crate::{metrics::Metrics, upstream::connect::Connections};
use plimsoll::{driver::Time, http::headers::Strangers};
use std::sync::Arc;

/// The parts of a worker that its requests use, beside the configuration.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) connections: Connections<Upload>,
    pub(crate) metrics: Arc<Metrics>,
    /// Peers that say for whom they ask, and that nobody trusts.
    pub(crate) strangers: Arc<Strangers>,
    /// Clock, timers and randomness of requests and policies.
    pub(crate) time: Time,
}
