//! Negotiated and streaming bodies.
