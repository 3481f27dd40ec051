//! Routes: which one a request takes, and what it leads to.
//!
//! | file | what |
//! | --- | --- |
//! | `table` | which route a request takes |
//! | `policy` | a policy at run time |
//! | `target` | a route at run time |
//! | `in_flight` | requests under way on it |

mod in_flight;
mod policy;
mod table;
mod target;

pub(crate) use in_flight::InFlight;
pub(crate) use policy::GatewayPolicy;
pub use table::{RouteTable, Subject};
pub(crate) use target::{Route, RoutePolicy};
