//! The run that kills everything, in short: `cargo xtask chaos` has it at full length.
#![allow(missing_docs)]

use plimsoll_testkit::Postgres;
use std::process::{Command, Output};

fn chaos(arguments: &[&str]) -> Output {
    Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/chaos"))
        .args(["--binary", env!("CARGO_BIN_EXE_orders"), "--customers", "8"])
        .args(arguments)
        .output()
        .expect("python3 is there")
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn acknowledged_orders_are_stored_orders_and_none_is_there_twice() {
    // It brings its own server, so that it shares nothing; whether there can be one is the testkit's to say.
    if Postgres::shared().await.is_none() {
        return;
    }
    let output = chaos(&["--seconds", "8"]);
    assert!(output.status.success(), "{}", said(&output));
}

/// A comparison that finds nothing wrong is worth something only if it can.
#[tokio::test]
async fn books_that_were_falsified_are_found_out() {
    if Postgres::shared().await.is_none() {
        return;
    }
    for (tamper, found) in [
        ("lose", "FAIL"),
        ("double", "FAIL         1  stored twice"),
        ("charge", "FAIL         1  orders charged"),
    ] {
        let output = chaos(&["--seconds", "1", "--tamper", tamper]);
        assert_eq!(output.status.code(), Some(1), "{tamper}: {}", said(&output));
        assert!(said(&output).contains(found), "{tamper}: {}", said(&output));
    }
}
