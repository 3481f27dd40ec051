//! The cost of a body: JSON parsers beside each other, and the three formats, encoded and decoded.
//!
//! `cargo xtask bench bodies` runs these, and [`wire`] over real sockets.

mod formats;
mod order;
mod parsers;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Divan knows no programs of other kinds; the other kind asks by name.
    if std::env::args().any(|argument| argument == "--wire") {
        return wire::run();
    }
    divan::main();
    ExitCode::SUCCESS
}
