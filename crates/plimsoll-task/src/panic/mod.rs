//! What a panic said, and where.
