//! The choice of an endpoint: how each balance chooses. [`crate::endpoints`] is what runs it.
//!
//! | balance | choice | cost | known weakness |
//! | --- | --- | --- | --- |
//! | peak EWMA | of two drawn, the lower latency estimate times load | two endpoints | latency alone decides while nothing is in flight |
//! | round robin | one after the other | one endpoint | blind to load and latency |
//! | least in flight | the fewest in flight of all | all endpoints | a host that fails fast looks idle |
//! | hash | the same endpoint for the same key, within bounded load | all endpoints, twice | one hot key is one endpoint's load; load shifts keys |
//!
//! # Weights
//! Every balance gives an endpoint of weight 3 three times the calls of one of weight 1, other things equal:
//! - **round robin** gives it three turns in a round, spread over the round;
//! - **least in flight** compares calls in flight divided by the weight, and draws among equals by weight;
//! - **peak EWMA** draws by weight, and counts the calls in flight relative to it. Two endpoints are always both drawn,
//!   so there latency and load alone decide;
//! - **hash** is weighted rendezvous hashing, with a load bound in proportion.
//!
//! # The same place for a key everywhere
//! A hash place depends on the key, on the endpoints' names and weights and on the [seed](Balance::HashHeader), and on
//! nothing else: not on the order of the list, the process or the processor. Two gateways before the same endpoints
//! agree on every key as long as the same endpoints are usable for both and neither reaches the load bound there: a key
//! whose endpoint carries [`LOAD_BOUND`] times its part of the calls in flight goes to its second choice meanwhile.
//!
//! Against the weakness of the third, join it with [`crate::ejection`].

mod balancer;
mod eligible;
mod endpoint;
mod hash;
mod least_in_flight;
mod peak_ewma;
mod rendezvous;
mod round_robin;
mod spec;
mod weights;

pub(crate) use balancer::Balancer;
pub(crate) use eligible::Eligible;
pub use endpoint::{EndpointLoad, FAILURE_LATENCY, LATENCY_DECAY, LONGEST_FAILURE_LATENCY};
pub use rendezvous::LOAD_BOUND;
pub use spec::*;
