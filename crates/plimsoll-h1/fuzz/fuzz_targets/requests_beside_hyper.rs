//! hyper reads the same requests, in the same bytes and in the bytes passed on.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use support::check;

fuzz_target!(|bytes: &[u8]| check::requests_beside_hyper(bytes));
