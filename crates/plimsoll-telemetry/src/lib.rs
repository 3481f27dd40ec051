//! Metrics without locks or lookups on the hot path: sharded counters, log-linear histograms, bounded labels.

mod bank;
mod collector;
mod counter;
mod desc;
mod error;
mod exposition;
mod family;
mod histogram;
mod line_log;
pub mod logs;
mod policy_metrics;
pub mod process;
mod registry;
mod sample;
pub mod shard;
mod sync;

pub use collector::{Collecting, Observed, Samples};
pub use counter::{Counter, Entered, Gauge, UpDown};
pub use desc::{Desc, Kind, Unit};
pub use error::{NameFault, RegisterError};
pub use exposition::Format;
pub use family::{
    CounterFamily, Family, GaugeFamily, HistogramFamily, MAX_LABEL_BYTES, OVERFLOW, UpDownFamily,
};
pub use histogram::{Buckets, BucketsError, Histogram, LayoutMismatch, Snapshot};
pub use line_log::{Dropped, LineLog, LineLogConfig, LineStats, Target};
pub use policy_metrics::PolicyMetrics;
pub use registry::{Builder, Registry};
pub use sample::Sample;
