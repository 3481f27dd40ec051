//! Critical tasks, started again.
