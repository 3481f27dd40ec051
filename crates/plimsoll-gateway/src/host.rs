//! A policy as the gateway runs it: its waiting line, clock and metrics are shared by all workers.

use plimsoll::{driver::TaskDriver, policy::Policy, telemetry::PolicyMetrics};
use std::sync::Arc;

/// A policy of the gateway, with the host that counts its decisions.
pub(crate) type GatewayPolicy = Policy<Arc<TaskDriver<PolicyMetrics>>>;
