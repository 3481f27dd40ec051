//! The whole policy in one layer: shedding, rate limit, deadline, retries, hedges, breaker, bulkhead and timeouts, in the
//! order that [`plimsoll_policy::call`] explains, as one future around the inner service.
//!
//! ```
//! use plimsoll_policy::PolicySpec;
//! use plimsoll_tower::{Idempotent, PolicyLayer, replay::ByClone};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), plimsoll_tower::Error<std::io::Error>> {
//! let layer = PolicyLayer::new(PolicySpec::default()).describe(Idempotent).replay(ByClone);
//! let handle = layer.handle();
//!
//! let peer = service_fn(|name: &'static str| async move { Ok::<_, std::io::Error>(name.len()) });
//! let mut service = ServiceBuilder::new().layer(layer).service(peer);
//! assert_eq!(service.ready().await?.call("deck").await?, 4);
//!
//! // Thresholds change under traffic; windows, queues and budgets go on.
//! let mut spec = handle.spec();
//! spec.timeouts.attempt = Some(std::time::Duration::from_secs(2));
//! handle.update(spec);
//! # Ok(()) }
//! ```
//!
//! # State
//! The machines are made with the layer. However often it is applied, and however often a service is cloned, it is the
//! same breaker, the same bucket, the same wait queue: two upstreams need two layers.
//!
//! # Readiness
//! `poll_ready` is the inner service's own and carries no permit: a service that is readied and dropped takes nothing
//! with it. Admission happens in `call`. Without retries and hedges an admitted call goes straight to the readied inner
//! service; otherwise that instance goes with the call, a clone stays behind, and further attempts poll it for readiness
//! before each call.
//!
//! # Where a call ends
//! This layer sees a response, not its body: an attempt is settled when the inner service's future is ready. Limits on
//! bodies (`idle`, and the total beyond the head) and on connecting are for a driver that sees them.
//!
//! # Cancel safety
//! A response future can be dropped at any time: its permits settle as cancelled, and its ticket in the wait queue is
//! given up or passed on. A panic of the inner service has the same effect.
//!
//! # Cost
//! No allocation a call, nor a lock while the bulkhead has room; the clock is read twice; a timer is registered only when
//! the inner service is pending (and needs a tokio runtime with its time driver then). Around an inner service of no
//! size the future is about a kilobyte.

mod call_state;
mod future;
mod handle;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use handle::PolicyHandle;
pub use layer::PolicyLayer;
pub use service::PolicyService;

use crate::driver::TaskDriver;
use plimsoll_policy::Policy;
use std::sync::Arc;

/// The machines of a policy with this layer's driver.
pub(crate) type Machines<O> = Policy<Arc<TaskDriver<O>>>;
