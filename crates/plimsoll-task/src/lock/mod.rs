//! Locks that measure.
