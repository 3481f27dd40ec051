//! Pools for blocking and processor-bound work.
