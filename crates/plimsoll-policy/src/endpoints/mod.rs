//! The endpoints of an upstream: which one an attempt goes to, and what is learnt of each.
//!
//! [`Endpoints`] joins a [balance](crate::balance), [outlier ejection](crate::ejection), health flags, weights, slow start
//! and a panic threshold into one machine without I/O. A gateway, a client and a simulator drive the same one:
//!
//! - [`Endpoints::pick`] before an attempt;
//! - [`Endpoints::settle`] when its outcome is known: at the response's head, or at its failure;
//! - [`Endpoints::settle_late`] if the body then breaks off;
//! - [`Endpoints::release`] when the attempt is over, body and all.
//!
//! So latency and success are the head's, and the count in flight is the body's. A download of ten minutes says nothing
//! of the latency and the health of its endpoint when it ends, and its ten minutes are load all the while.
//!
//! # Which endpoints are asked
//! An endpoint is *usable* while it is healthy and not ejected. Of the usable ones the balance chooses, but
//! 1. never one that the driver excludes (a hedge goes elsewhere, or not at all);
//! 2. one that failed in this call only if no other is usable;
//! 3. one that is [warming up](#slow-start) only for its part of the calls, unless no other is usable.
//!
//! # Panic
//! While fewer than [`EndpointsSpec::panic_threshold`] of the endpoints are usable, health and ejections are
//! disregarded and all endpoints are asked, as in Envoy. If half of a fleet seems ill, it is as likely that the check
//! is, or that the rest would fall under the load of all; and a health check that is itself broken does not take the
//! service down. A threshold of zero switches it off: without a healthy endpoint nothing is picked then; with healthy
//! ones that are all ejected, they are used, since a check that succeeded a second ago is newer evidence than earlier
//! failures.
//!
//! [`Endpoints::panic_turned`] reports each entry and exit once.
//!
//! # Slow start
//! With [`EndpointsSpec::slow_start`], an endpoint that becomes healthy, returns from an ejection or is added while the
//! set is running gets a part of its share that rises with the time since, from 10 % to all of it at the window's end:
//! as Envoy with an aggression of 1.0 and its least weight of 10 %. It takes part in a pick with that probability
//! (where balanced by hash: for that part of its keys, always the same ones), so that it holds for every balance, and
//! for the latency estimate of an endpoint that is fast because it has nothing to do.

mod availability;
mod machine;
mod pick;
mod snapshot;
mod spec;
mod state;

pub use crate::balance::Member;
pub use machine::Endpoints;
pub use pick::Pick;
pub use snapshot::{EndpointSnapshot, EndpointsSnapshot};
pub use spec::EndpointsSpec;
