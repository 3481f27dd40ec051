//! The last of the escalations, seen from outside: the process that gave up is gone, and told why.
#![cfg(all(unix, not(loom)))]

use plimsoll_task::supervise::{Escalation, Restart, Supervised, Supervisor, When};
use std::{env, os::unix::process::ExitStatusExt, process::Command};

const ROLE: &str = "PLIMSOLL_TASK_TEST_ABORTS";
const SIGABRT: i32 = 6;

#[test]
fn who_fell_too_often_takes_the_process_along() {
    if env::var_os(ROLE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let child = Supervised::new("critical", |_| async { Err::<(), _>("gone for good") });
        let supervisor = Supervisor::new("aborting")
            .escalation(Escalation::Abort)
            .on_event(|event| eprintln!("{}: {}", event.child, event.exit))
            .with(child.restart(Restart::new().when(When::Never)));
        let ended = runtime.block_on(supervisor.run());
        panic!("still alive: {ended:?}");
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "who_fell_too_often_takes_the_process_along", "--nocapture"])
        .env(ROLE, "1")
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(SIGABRT));
    assert!(String::from_utf8_lossy(&output.stderr).contains("critical: failed: gone for good"));
}
