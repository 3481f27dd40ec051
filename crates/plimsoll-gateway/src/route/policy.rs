use plimsoll::{driver::TaskDriver, policy::Policy, telemetry::PolicyMetrics};
use std::sync::Arc;

/// A policy as the gateway runs it, with the driver that counts its decisions: its wait queue, clock and metrics are
/// shared by all workers.
pub(crate) type GatewayPolicy = Policy<Arc<TaskDriver<PolicyMetrics>>>;
