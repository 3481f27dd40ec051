//! Structured concurrency for tokio: tasks that cannot be forgotten, queues and locks that say how long one waits.
#![forbid(unsafe_code)]

pub mod deadline;
pub mod drain;
pub mod lock;
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
