//! The choice of an endpoint.
//!
//! | balance | choice | cost | known weakness |
//! | --- | --- | --- | --- |
//! | peak EWMA | of two drawn, the lower latency estimate times load | two endpoints | a host that fails fast looks idle |
//! | round robin | one after the other | one endpoint | blind to load and latency |
//! | least in flight | the fewest in flight of all | all endpoints | a host that fails fast takes everything |
//! | hash | the same endpoint for the same key, within bounded load | all endpoints, twice | one hot key is still one endpoint's load |
//!
//! Each of them skips endpoints that are not usable (ejected, unhealthy), and those that have failed in the same call as
//! long as any other is left. Against the weakness of the first and the third, join them with [`crate::ejection`].
//!
//! # When no endpoint is usable
//! [`Balancer::pick`] gives `None` and the call is to be refused: a clean refusal is worth more than a timeout, and
//! nothing has to be reset when the first endpoint comes back. There is no panic threshold as in Envoy, where health is
//! ignored when most hosts are unhealthy. The ejector keeps one endpoint in by itself; so `None` means that active
//! health checks fail on all that are left. A driver that trusts its checks more than its ejections asks twice: first
//! for what is healthy and not ejected, then for what is healthy. Known weakness: a check that is itself broken takes
//! all endpoints out; it is to be seen in the health states, and switching the check off is a reload.

mod balancer;
mod eligible;
mod endpoint;
mod least_in_flight;
mod peak_ewma;
mod rendezvous;
mod round_robin;
mod spec;

pub use balancer::{Balancer, Pick};
pub use endpoint::{DEFAULT_LATENCY, EndpointLoad, LATENCY_DECAY};
pub use rendezvous::LOAD_BOUND;
pub use spec::*;
