//! Structured concurrency for tokio: tasks that cannot be forgotten, queues and locks that say how long one waits.
//!
//! | module | | from Go |
//! | --- | --- | --- |
//! | [`deadline`] | until when the work at hand is wanted; goes along with the task | `context.WithTimeout` |
//! | [`trace`] | the trace that the work at hand belongs to; goes along with what it starts | values of `context` |
//! | [`scope`] | children that cannot outlive the place that started them | `errgroup` |
//! | [`window`] | a stream of jobs, at most so many in flight | `errgroup.SetLimit` |
//! | [`supervise`] | critical tasks, started again when they fall | – |
//! | [`drain`] | going down in order, each phase within its limit | `http.Server.Shutdown`, for all the rest too |
//! | [`queue`] | bounded queues, crews of workers, the latest value; how deep, how old, who waited | a channel with room |
//! | [`lock`] | locks that say who holds them, and find long holdings and deadlocks with both places | `sync.Mutex`, and `go-deadlock` |
//! | [`measure`] | what these count, and the watch that looks at them | the mutex profile |
//! | [`pool`] | blocking and processor-bound work, each kind in its own bounded pool | – |
//! | [`poison`] | what becomes of a std lock that a panic went through: by choice | – |
//! | [`panic`](mod@panic) | panics as values, with their place; counted | `recover` |
//!
//! Everything is bounded, and every future says what its drop does. Numbers are asked for (`stats()`, and `all_stats()` of
//! [`queue`], [`lock`] and [`pool`]): this crate knows no registry of metrics.
#![forbid(unsafe_code)]

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
pub use panic::Panicked;
pub use trace::{TraceContext, TraceIds};
