//! A server with everything on.
