//! Stability policies as pure state machines: time and randomness are arguments.
