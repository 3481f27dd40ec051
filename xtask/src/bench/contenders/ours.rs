//! Our gateway with one worker and the example's own policies.

use super::{Contender, Place, free_ports, text};
use crate::{bench::build, workspace::Workspace};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command};

/// Which policies the route has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policies {
    /// All of the example's `careful`.
    Careful,
    /// Timeouts alone.
    Off,
}

/// Builds the program and starts it.
pub(crate) fn start(workspace: &Workspace, place: &Place, policies: Policies) -> Result<Contender> {
    start_under(&[], workspace, place, policies)
}

/// The same under another program, such as valgrind with its options.
pub(crate) fn start_under(
    wrapper: &[String],
    workspace: &Workspace,
    place: &Place,
    policies: Policies,
) -> Result<Contender> {
    let program = build::program(workspace, "plimsoll-cli", "", build::Program::Binary("plimsoll"))?;
    let name = match policies {
        Policies::Careful => "plimsoll",
        Policies::Off => "plimsoll, policies off",
    };
    run(name, wrapper, &program, workspace, place, policies)
}

/// Starts another build of the program, with the same file.
pub(crate) fn start_build(
    program: &Path,
    workspace: &Workspace,
    place: &Place,
    policies: Policies,
) -> Result<Contender> {
    run("plimsoll, other build", &[], program, workspace, place, policies)
}

fn run(
    name: &'static str,
    wrapper: &[String],
    program: &Path,
    workspace: &Workspace,
    place: &Place,
    policies: Policies,
) -> Result<Contender> {
    let example = fs::read_to_string(workspace.root.join("examples/gateway.toml"))
        .context("cannot read examples/gateway.toml")?;
    let [port, admin] = free_ports()?;
    let mut file = adapted(&example, place.origin, port, admin)?;
    if policies == Policies::Off {
        file = without_policies(&file);
    }
    let path = place.write(&format!("{}.toml", name.replace(", ", "-").replace(' ', "-")), &file)?;
    let words: Vec<String> =
        wrapper.iter().cloned().chain([text(program), "run".to_owned(), text(&path)]).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    Contender::start(place, name, command, [port; 2])
}

/// The example, with this run's ports, one worker, and a rate that the load stays under.
///
/// Everything else stays as users read it, so that what is measured is what is documented.
fn adapted(example: &str, origin: [u16; 3], port: u16, admin: u16) -> Result<String> {
    let mut file = example.to_owned();
    let endpoint = |index: usize| format!("127.0.0.1:{}", origin[index]);
    for (from, to) in [
        ("# workers = 2", "workers = 1"),
        ("127.0.0.1:9901", &format!("127.0.0.1:{admin}")),
        ("127.0.0.1:8080", &format!("127.0.0.1:{port}")),
        ("127.0.0.1:9001", &endpoint(0)),
        ("127.0.0.1:9002", &endpoint(1)),
        ("127.0.0.1:9003", &endpoint(2)),
        ("rate = \"2000/s\", burst = 500", "rate = \"1000000/s\", burst = 100000"),
    ] {
        ensure!(
            file.matches(from).count() == 1,
            "examples/gateway.toml no longer has {from:?} once; adapt the bench"
        );
        file = file.replace(from, to);
    }
    Ok(file)
}

/// Every policy that is a line of its own, switched off; timeouts stay.
fn without_policies(file: &str) -> String {
    let policies = ["rate-limit", "breaker", "bulkhead", "retry", "hedge"];
    let line = |line: &str| match line.split_once(" = ") {
        Some((name, _)) if policies.contains(&name) => format!("{name} = \"off\"\n"),
        _ => format!("{line}\n"),
    };
    file.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../examples/gateway.toml");

    #[test]
    fn the_example_is_adapted_and_keeps_every_policy() {
        let file = adapted(EXAMPLE, [1, 2, 3], 4, 5).unwrap();
        assert!(file.contains("endpoints = [\"127.0.0.1:1\", \"127.0.0.1:2\", \"127.0.0.1:3\"]"));
        assert!(file.contains("\nworkers = 1"));
        for policy in ["timeout", "rate-limit", "breaker", "bulkhead", "retry", "hedge"] {
            assert!(file.lines().any(|line| line.starts_with(&format!("{policy} = {{"))), "{policy}");
        }
        assert!(adapted("version = 1", [1, 2, 3], 4, 5).is_err());
    }

    #[test]
    fn policies_can_be_switched_off() {
        let file = without_policies(EXAMPLE);
        assert!(file.contains("\nbreaker = \"off\"\n") && file.contains("\nhedge = \"off\"\n"));
        assert!(file.contains("\ntimeout = {"));
        assert_eq!(file.lines().count(), EXAMPLE.lines().count());
    }
}
