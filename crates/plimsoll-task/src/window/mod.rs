//! Many jobs, so many at a time.
