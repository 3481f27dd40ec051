//! How long a task may still take.
