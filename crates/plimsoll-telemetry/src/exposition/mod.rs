//! Metrics as text: Prometheus 0.0.4 and OpenMetrics 1.0.

mod format;
mod writer;

pub use format::Format;
pub(crate) use writer::Writer;
