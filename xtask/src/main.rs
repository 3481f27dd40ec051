//! Every habit of development is one command.

fn main() {}
