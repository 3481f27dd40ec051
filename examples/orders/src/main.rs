//! Orders in PostgreSQL, payments over HTTP.

fn main() {}
