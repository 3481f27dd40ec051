//! `plimsoll demo`, in a short run.

mod program;

use program::plimsoll;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read as _},
    process::{Command, Stdio},
};

#[test]
fn a_short_run_holds_what_it_claims() {
    let ran = plimsoll(&["demo", "--for", "6s", "--json", "--seed", "7"]);
    let report: Value = serde_json::from_str(&ran.out).expect("standard output is JSON and nothing else");
    assert_eq!(ran.code, 0, "{}\n{report:#}", ran.err);
    assert_eq!((&report["held"], &report["interrupted"]), (&true.into(), &false.into()));
    assert_eq!(report["seed"], 7);
    let assertions = report["assertions"].as_array().expect("a list");
    assert!(assertions.len() >= 5 && assertions.iter().all(|assertion| assertion["held"] == true));
    for side in ["with", "without"] {
        let figure = |name: &str| report[side][name].as_u64().unwrap_or_else(|| panic!("{side}.{name}"));
        assert!(figure("requests") > 100);
        assert_eq!(figure("good") + figure("failed") + figure("lost"), figure("requests"));
        assert!(figure("arrived") <= figure("attempts"));
    }
    assert_eq!(report["without"]["attempts_per_request"], 1.0);
    for told in
        ["orders-2 fails", "orders-2 is ejected for", "orders-2 is let back in", "orders-3 has turned slow"]
    {
        assert!(ran.err.contains(told), "{told:?} is not in\n{}", ran.err);
    }
    assert!(!ran.err.contains('\x1b'), "no terminal, no control characters");
}

#[cfg(unix)]
fn wait_until_it_runs(out: &mut impl BufRead) {
    let mut line = String::new();
    while !line.contains(" with: ") {
        line.clear();
        assert_ne!(out.read_line(&mut line).expect("it writes text"), 0, "it ended by itself");
    }
}

#[cfg(unix)]
#[test]
fn ended_early_it_shows_what_it_has_and_fails() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["demo", "--for", "10m"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    wait_until_it_runs(&mut out);
    let interrupt = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(interrupt.expect("a shell").success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("it writes text");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(rest.contains("good responses") && rest.contains("Ended early: nothing is judged."), "{rest}");
}

#[cfg(unix)]
#[test]
fn the_key_q_ends_it() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::{fs::OpenOptions, io::Write as _, os::unix::ffi::OsStrExt as _};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("it is granted");
    unlockpt(&terminal).expect("it is unlocked");
    let name = ptsname(&terminal, Vec::new()).expect("it has a name");
    let name = std::ffi::OsStr::from_bytes(name.as_bytes());
    let other = OpenOptions::new().read(true).write(true).open(name).expect("its other end");
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["demo", "--for", "10m"])
        .stdin(other)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    wait_until_it_runs(&mut out);
    std::fs::File::from(terminal).write_all(b"xq").expect("the key is pressed");
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("it writes text");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(rest.contains("Ended early: nothing is judged."), "{rest}");
}

#[test]
fn a_length_that_shows_nothing_is_wrong_usage() {
    let ran = plimsoll(&["demo", "--for", "1s"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("from 5s to 10m"), "{}", ran.err);
}
