//! Metrics without locks or lookups on the hot path: sharded counters, log-linear histograms, bounded labels.
//! And logs: `tracing` to standard error, and a bounded line log for the access log.
//!
//! # Counting
//! A [`Registry`] registers metrics on the cold path and hands out handles. The hot path holds a handle and
//! calls it: no registry, no label, no lock, and, on a thread that [owns a shard](shard::own), no
//! lock-prefixed instruction: a load, an addition, a store. A scrape sums the shards.
//!
//! ```
//! use plimsoll_telemetry::{Buckets, Desc, Format, Registry, Unit, shard};
//! # fn main() -> Result<(), plimsoll_telemetry::RegisterError> {
//! let registry = Registry::new();
//! let duration = Desc::new("app_request_duration_seconds", "How long requests took.").unit(Unit::Seconds);
//! let by_route = registry.histogram_family(duration, &Buckets::latency(), ["route"])?;
//! let home = by_route.with(&["/"]); // when the route is made
//!
//! shard::own(); // at the start of each worker thread
//! home.record(1_700_000); // for every request, in nanoseconds
//!
//! let p99 = home.snapshot().quantile(0.99).unwrap();
//! assert!(p99.abs_diff(1_700_000) <= 1_700_000 / 16);
//! let page = registry.render(Format::from_accept("text/plain"));
//! assert!(page.contains("app_request_duration_seconds_bucket{route=\"/\",le=\"0.0025\"} 1\n"));
//! # Ok(())
//! # }
//! ```
//!
//! # Why shards, and why laid out like this
//! - One atomic for all threads makes every increment a locked instruction, and threads that count the same
//!   thing pass its cache line around. `cargo bench -p plimsoll-telemetry` measures both ways side by side.
//! - Padding each counter in each shard to a cache line of its own would cure that at 128 bytes a counter and
//!   shard. Here each *shard's row* is contiguous and padded as a whole: 8 bytes a counter and shard, and
//!   the counters of one request lie close together. A thousand counters in nine rows take 72 KiB, not 1.1 MiB.
//! - Handles count references to their block rather than leaking it, so that a registry in a test, or a
//!   route that a reload removes, gives its memory back ([`Family::retire`], [`Family::sweep`]).
//!
//! Compared with the `prometheus` and `metrics` crates: no label hashing per event, no global recorder, and
//! the exported bounds of a histogram are exact while its quantiles come from buckets of an eighth of their value.
//!
//! # The metrics of this crate
//! All labels of a policy's metrics begin with `policy` and `upstream`.
//!
//! | name | type | further labels | meaning |
//! | --- | --- | --- | --- |
//! | `plimsoll_calls_total` | counter | | calls that began |
//! | `plimsoll_calls_abandoned_total` | counter | | calls whose caller left before the end |
//! | `plimsoll_rejections_total` | counter | `machine`, `reason` | calls that a machine of the policy refused |
//! | `plimsoll_wait_seconds` | histogram | `machine` | time spent in a machine's queue |
//! | `plimsoll_attempts_total` | counter | `role`: `first`, `retry`, `hedge` | attempts let through |
//! | `plimsoll_attempt_duration_seconds` | histogram | `outcome` | how long attempts took, losers of hedges included |
//! | `plimsoll_retries_total` | counter | `cause` | retries planned, by what went wrong |
//! | `plimsoll_retries_denied_total` | counter | `reason` | retries that the cause would have allowed and that were not made |
//! | `plimsoll_hedges_total` | counter | `event`: `started`, `won`, `lost` | hedges |
//! | `plimsoll_hedges_denied_total` | counter | `reason` | hedges that were due and not made |
//! | `plimsoll_timeouts_total` | counter | `limit` | limits of the timeout matrix that ran out while the peer was waited for |
//! | `plimsoll_caller_timeouts_total` | counter | `limit` | the same while the caller was waited for: it sent or read too slowly |
//! | `plimsoll_bodies_failed_total` | counter | `outcome` | responses that did not end well after their head: `broken`, `timed-out`, `caller`, … |
//! | `plimsoll_breaker_state` | gauge | `state` | 1 for the state the breaker is in, 0 for the others |
//! | `plimsoll_breaker_transitions_total` | counter | `from`, `to` | changes of the breaker's state |
//! | `plimsoll_breaker_openings_total` | counter | `reason` | why the breaker opened |
//!
//! | name | type | labels | meaning |
//! | --- | --- | --- | --- |
//! | `plimsoll_telemetry_label_overflows_total` | counter | | label sets beyond the limit of their family |
//! | `plimsoll_log_lines_written_total` | counter | `log` | lines that the log's target took whole |
//! | `plimsoll_log_lines_dropped_total` | counter | `log`, `reason` | lines that were not written |
//! | `plimsoll_log_errors_total` | counter | `log`, `operation` | writes and reopenings that failed |
//! | `process_cpu_seconds_total` | counter | | processor time used, user and system |
//! | `process_resident_memory_bytes` | gauge | | memory held in RAM |
//! | `process_virtual_memory_bytes` | gauge | | address space in use |
//! | `process_open_fds` | gauge | | open file descriptors |
//! | `process_max_fds` | gauge | | the most file descriptors the process may open |
//! | `process_threads` | gauge | | threads |
//! | `process_start_time_seconds` | gauge | | when the process started, since the Unix epoch |
#![forbid(unsafe_code)]

mod arena;
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
pub use error::{NameError, RegisterError};
pub use exposition::Format;
pub use family::{
    CounterFamily, Family, GaugeFamily, HistogramFamily, MAX_LABEL_BYTES, OVERFLOW, UpDownFamily,
};
pub use histogram::{Buckets, BucketsError, Histogram, LayoutMismatchError, Snapshot};
pub use line_log::{LineLog, LineLogConfig, LineStats, Target, WriteLineError};
pub use policy_metrics::{BreakerLog, PolicyCounts, PolicyMetrics};
pub use registry::{Builder, Registry};
pub use sample::Sample;
