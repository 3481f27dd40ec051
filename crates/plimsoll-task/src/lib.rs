//! Structured concurrency for tokio: tasks that cannot be lost, queues and locks that measure their waits.
//!
//! | module | | from Go |
//! | --- | --- | --- |
//! | [`deadline`] | the deadline of the running task, inherited by its children | `context.WithTimeout` |
//! | [`trace`] | the trace of the running task, inherited by its children | values of `context` |
//! | [`scope`] | children that cannot outlive the scope that started them | `errgroup` |
//! | [`window`] | a stream of jobs with a limit on those in flight | `errgroup.SetLimit` |
//! | [`supervise`] | critical tasks, restarted after a failure | – |
//! | [`drain`] | shutdown in order, each phase within its limit | `http.Server.Shutdown`, for all the rest too |
//! | [`queue`] | bounded queues, worker pools, the latest value; how deep, how old, who waited | a channel with room |
//! | [`lock`] | locks that show their holders, and find long holds and deadlocks with both locations | `sync.Mutex`, and `go-deadlock` |
//! | [`measure`] | the measurements of these, and their monitor | the mutex profile |
//! | [`pool`] | blocking and processor-bound work, each kind in its own bounded pool | – |
//! | [`poison`] | std locks with a choice for the case that a panic poisons them | – |
//! | [`panic`](mod@panic) | panics as values, with their location; counted | `recover` |
//!
//! Everything is bounded, and every future documents the effect of dropping it. Statistics are read by `stats()`, and by
//! `all_stats()` of [`queue`], [`lock`] and [`pool`]: this crate has no registry of metrics.
#![forbid(unsafe_code)]

mod current;
pub mod deadline;
pub mod drain;
pub mod lock;
pub mod measure;
pub mod panic;
pub mod poison;
pub mod pool;
pub mod queue;
pub mod scope;
pub mod supervise;
mod sync;
pub mod trace;
pub mod window;

pub use deadline::Deadline;
pub use panic::PanicError;
pub use trace::{TraceContext, TraceIds};
