//! Bounded queues that measure.
