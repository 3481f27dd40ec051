//! Poisoned locks, by choice.
