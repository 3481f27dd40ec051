use super::tunnel::TunnelMetrics;
use plimsoll::telemetry::{Counter, Histogram, UpDown};

/// The metrics of the requests of a route.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    pub(super) requests: [Counter; 5],
    pub(crate) duration: Histogram,
    pub(crate) in_flight: UpDown,
    pub(crate) bytes: Counter,
    pub(crate) tunnels: TunnelMetrics,
}

impl RouteMetrics {
    /// A request has got a response with this status.
    pub(crate) fn responded(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5);
        self.requests[class - 1].inc();
    }
}
