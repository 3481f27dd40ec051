//! `plimsoll demo`: the effect of the policies, in half a minute.
//!
//! Everything is in this process: three replicas of a small service, two gateways before them, and the load. One
//! gateway has the policies of `examples/gateway.toml`, the other has none. Both get the same requests at the same
//! moments, and the same replicas fail and slow down under them, so that the figures at the end differ by the policies
//! alone.

mod arrivals;
mod assertions;
mod board;
mod interruption;
mod keys;
mod load;
mod look;
mod paint;
mod plan;
mod replica;
mod report;
mod run;
mod screen;
mod side;
mod story;
mod tally;
mod view;

pub(crate) use run::{Wanted, run};
