//! Scripts: calls and whatever befalls them, instant by instant, and the decisions that follow.
//!
//! A policy's decisions depend on its spec, its seeds and on what a driver tells it when. So one [`Script`] must give one
//! [`Journal`], whichever driver runs the calls. [`reference()`] feeds the call machine by hand, event by event, without futures
//! or timers; a driver under test is put on a [`stage`](play) that has nothing but futures, timers and wakers.
//! [`compare`] holds the two journals against each other, line by line.
//!
//! [`Script::random`] makes scripts by swarm testing (Groce et al., 2012): each seed first draws which features may occur
//! at all, then events from these. A rare path is reached sooner where what hides it is left out.

mod act;
mod compare;
mod coverage;
mod dice;
mod feature;
mod generate;
mod journal;
mod plan;
mod reference;
mod seeds;
mod spec;
mod stage;
pub mod wire;

pub use act::{Act, Revising};
pub use compare::compare;
pub use coverage::Coverage;
pub use journal::{Detail, Journal};
pub use plan::{AttemptPlan, BodyEnd, BodyPlan, CallPlan, End, Piece, Script, Step};
pub use reference::reference;
pub use seeds::Seeds;
pub use stage::{CallFuture, ScriptDriver, play};
