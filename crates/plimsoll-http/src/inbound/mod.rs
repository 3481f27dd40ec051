//! What every request that comes in is given: limits, a deadline, an id.
