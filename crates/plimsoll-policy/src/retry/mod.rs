//! Retries: causes, backoff and budget.
//!
//! A retry is additional load for the peer, at the moment when it can bear the least. Three things keep it
//! small: a wait that is spread ([`backoff()`]), so that callers who failed together do not come back together; a bound
//! per call ([`Attempts`]); and a bound over all calls ([`RetryBudget`]), which alone keeps a full outage from turning
//! into an attack: three attempts a call are three times the load, a budget of 20 % is 1.2 times.

mod backoff;
mod budget;
mod spec;
mod stretch;

pub use backoff::{RETRY_AFTER_SLACK, backoff, retry_after_wait};
pub use budget::{BudgetSnapshot, BudgetSpec, RetryBudget};
pub use spec::*;
