//! Metrics without locks or lookups on the hot path: sharded counters, log-linear histograms, bounded labels.
