//! The reading of responses does not depend on how their bytes come, and nothing panics.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use support::{check, pieces::Cuts};

fuzz_target!(|bytes: &[u8]| {
    check::responses(bytes, &Cuts::of(bytes));
    // A byte at a time finds every cut, at a price.
    if bytes.len() <= 1024 {
        check::responses(bytes, &Cuts::every(bytes));
    }
});
