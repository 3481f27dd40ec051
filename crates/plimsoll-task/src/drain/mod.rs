//! A shutdown in phases, each with its limit.
