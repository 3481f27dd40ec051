//! What a proxy takes off, adds and believes of a message's headers.

mod forwarded;
mod hop_by_hop;
mod strangers;
mod timeout;
mod trace;

pub use forwarded::{
    Forwarded, Forwarding, ParseTrustedProxyError, Scheme, TrustedProxy, is_told_by_proxies,
};
pub use hop_by_hop::{strip_hop_by_hop, upgrade_of};
pub use strangers::Strangers;
pub use timeout::{EXPECTED_TIMEOUT, GRPC_TIMEOUT, expected_timeout, grpc_timeout};
pub use trace::{TRACEPARENT, TRACESTATE, TraceParent, X_REQUEST_ID, hex};
