//! Structured concurrency for tokio: tasks that cannot be forgotten, queues and locks that say how long one waits.
//!
//! | module | | from Go |
//! | --- | --- | --- |
//! | [`deadline`] | until when the work at hand is wanted; goes along with the task | `context.WithTimeout` |
//! | [`scope`] | children that cannot outlive the place that started them | `errgroup` |
//! | [`window`] | a stream of jobs, at most so many in flight | `errgroup.SetLimit` |
//! | [`supervise`] | critical tasks, started again when they fall | – |
//! | [`drain`] | going down in order, each phase within its limit | `http.Server.Shutdown`, for all the rest too |
//! | [`panic`](mod@panic) | panics as values, with their place; counted | `recover` |
//!
//! Everything is bounded, and every future says what its drop does.
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
pub mod window;

pub use deadline::Deadline;
pub use panic::Panicked;
