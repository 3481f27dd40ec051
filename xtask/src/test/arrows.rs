//! The crates' floors: an arrow between them only ever points down, and only where the design has one.

use crate::workspace::Workspace;

/// The crates of ours that each may use. A crate that is not listed is not part of the design.
const MAY_USE: &[(&str, &[&str])] = &[
    ("plimsoll-policy", &[]),
    ("plimsoll-task", &[]),
    ("plimsoll-h1", &[]),
    ("plimsoll-config", &["plimsoll-policy"]),
    ("plimsoll-driver", &["plimsoll-policy"]),
    ("plimsoll-tower", &["plimsoll-policy", "plimsoll-driver"]),
    ("plimsoll-telemetry", &["plimsoll-policy"]),
    (
        "plimsoll-http",
        &[
            "plimsoll-policy",
            "plimsoll-config",
            "plimsoll-task",
            "plimsoll-driver",
            "plimsoll-tower",
            "plimsoll-telemetry",
        ],
    ),
    (
        "plimsoll",
        &[
            "plimsoll-policy",
            "plimsoll-config",
            "plimsoll-task",
            "plimsoll-driver",
            "plimsoll-tower",
            "plimsoll-telemetry",
            "plimsoll-http",
        ],
    ),
    ("plimsoll-gateway", &["plimsoll", "plimsoll-h1"]),
    ("plimsoll-cli", &["plimsoll-gateway"]),
    ("plimsoll-testkit", &["plimsoll-policy", "plimsoll-driver"]),
    ("orders", &["plimsoll"]),
    ("bench-serve", &["plimsoll-http"]),
    ("xtask", &[]),
];

/// Tests may also use this one, on every floor.
const TESTKIT: &str = "plimsoll-testkit";

/// Every arrow that the design does not have.
pub(crate) fn findings(workspace: &Workspace) -> Vec<String> {
    let arrows = workspace.packages.iter().map(|package| {
        let uses = package.dependencies.iter().map(|dependency| (dependency.name.as_str(), dependency.dev));
        (package.name.as_str(), uses.collect())
    });
    judge(arrows)
}

fn judge<'a>(packages: impl Iterator<Item = (&'a str, Vec<(&'a str, bool)>)>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, uses) in packages {
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
            found.push(format!(
                "{name} has no floor: give it one in xtask/src/test/arrows.rs and in ARCHITECTURE.md"
            ));
            continue;
        };
        for (used, dev) in uses {
            let ours = used == "plimsoll" || used.starts_with("plimsoll-");
            if ours && !allowed.contains(&used) && !(dev && used == TESTKIT) {
                found.push(format!("{name} -> {used}: an arrow that the design does not have"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_down_are_fine() {
        let packages = [
            ("plimsoll-policy", vec![("ahash", false), ("plimsoll-testkit", true)]),
            ("plimsoll-tower", vec![("plimsoll-policy", false)]),
            ("plimsoll-gateway", vec![("plimsoll", false), ("plimsoll-testkit", true)]),
        ];
        assert_eq!(judge(packages.into_iter()), Vec::<String>::new());
    }

    #[test]
    fn up_sideways_past_the_facade_and_unknown_are_found() {
        let packages = [
            ("plimsoll-policy", vec![("plimsoll-tower", false)]),
            ("plimsoll-tower", vec![("plimsoll-telemetry", false), ("plimsoll-testkit", false)]),
            ("plimsoll-gateway", vec![("plimsoll-http", true)]),
            ("plimsoll-odds-and-ends", vec![]),
        ];
        assert_eq!(judge(packages.into_iter()).len(), 5);
    }
}
