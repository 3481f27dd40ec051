//! Children that cannot outlive their parent.
