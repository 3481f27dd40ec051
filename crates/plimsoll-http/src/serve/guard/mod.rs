//! The guard of the app: error boundary, host, deadline, shedding, rate, places and limits on the body, as one service
//! with one future.
//!
//! Each is a layer of its own in [`inbound`](crate::inbound), [`boundary`](crate::boundary) and [`plimsoll_tower`], for stacks
//! that somebody else makes. As layers of one another they would be cloned for each request and hand over requests,
//! futures and bodies, each wrapped once more. Here their parts are shared behind one pointer, and what they know of one
//! request stands in one future, and then in its response's body.

mod admission;
mod body;
mod future;
mod service;

pub(super) use body::GuardedBody;
pub(super) use future::{Guarded, Passage};
pub(super) use service::{Guard, GuardService};
