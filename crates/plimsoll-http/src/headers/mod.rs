//! Headers that a proxy removes, adds and believes.

mod forwarded;
mod hop_by_hop;
mod short;
mod strangers;
mod timeout;
mod trace;
mod trusted_proxy;

pub use forwarded::{Forwarded, Forwarding, Scheme, is_told_by_proxies};
pub use hop_by_hop::{strip_hop_by_hop, upgrade_of};
pub(crate) use short::short_value;
pub use strangers::Strangers;
pub use timeout::{EXPECTED_TIMEOUT, GRPC_TIMEOUT, expected_timeout, grpc_timeout};
pub use trace::{TRACEPARENT, TRACESTATE, TraceParent, X_REQUEST_ID, hex};
pub use trusted_proxy::{ParseTrustedProxyError, TrustedProxy};
