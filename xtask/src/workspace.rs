//! Where things are: the workspace's root, its target folder, its packages and its source files.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace as cargo sees it.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Honours `CARGO_TARGET_DIR` and every configuration file, because cargo was asked.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One crate of ours.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// One thing that a crate builds.
pub(crate) struct Target {
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `bench` or `example`.
    pub(crate) kind: String,
    pub(crate) source: PathBuf,
}

/// One line of a `[dependencies]` table.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// From `[dev-dependencies]`: it never reaches a user.
    pub(crate) dev: bool,
}

impl Workspace {
    /// Asks `cargo metadata`; needs no network.
    pub(crate) fn load() -> Result<Self> {
        let value = metadata(&["--no-deps"])?;
        let text = |key: &str| {
            value[key].as_str().map(PathBuf::from).with_context(|| format!("no {key} in cargo metadata"))
        };
        let packages = array(&value, "packages").map(Package::read).collect();
        Ok(Self { root: text("workspace_root")?, target: text("target_directory")?, packages })
    }

    /// The package of that name, if the workspace has it.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Every `.rs` file of ours, relative to the root, sorted.
    pub(crate) fn sources(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for folder in ["crates", "examples", "xtask"] {
            walk(&self.root.join(folder), &mut found)?;
        }
        let mut relative: Vec<PathBuf> =
            found.iter().filter_map(|path| path.strip_prefix(&self.root).ok()).map(PathBuf::from).collect();
        relative.sort();
        Ok(relative)
    }
}

impl Package {
    fn read(value: &Value) -> Self {
        let manifest = PathBuf::from(string(value, "manifest_path"));
        Self {
            name: string(value, "name"),
            folder: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
            dependencies: array(value, "dependencies")
                .map(|each| Dependency { name: string(each, "name"), dev: each["kind"] == "dev" })
                .collect(),
            targets: array(value, "targets")
                .map(|each| Target {
                    name: string(each, "name"),
                    kind: each["kind"][0].as_str().unwrap_or_default().to_owned(),
                    source: PathBuf::from(string(each, "src_path")),
                })
                .collect(),
        }
    }
}

/// Runs `cargo metadata` with `extra` arguments and reads its output.
pub(crate) fn metadata(extra: &[&str]) -> Result<Value> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1"])
        .args(extra)
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("the output of cargo metadata is not JSON")
}

/// The elements under `key`; none where it is absent.
pub(crate) fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// The text under `key`; empty where it is absent.
pub(crate) fn string(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}
