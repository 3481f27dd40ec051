//! `cargo xtask api`: what each library crate shows the world, beside the text in `api/` that was last agreed to.
//!
//! A line that goes is a break for somebody; a line that comes is a promise. Neither should happen unseen, so both fail
//! the check until `--bless` has put them into the change, where a reader sees them.
//!
//! The items come from rustdoc's JSON, which a stable compiler writes only when it is told that unstable is meant. That
//! is said to rustdoc alone, so that no dependency is built in another way than usual.

use crate::{
    tools,
    workspace::{Package, Workspace},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

pub(crate) const LONG_ABOUT: &str = "\
Lists the public items of every library crate (all features) and compares them with the texts in api/. Exit 1 when anything \
went or came; --bless takes it into the texts. A line that went is a breaking change.";

/// Flags of `cargo xtask api`.
#[derive(Args)]
pub(crate) struct Options {
    /// Take what is found into the texts
    #[arg(long)]
    bless: bool,
}

const FOLDER: &str = "api";

/// The version of rustdoc's JSON that the reader knows (Rust 1.95).
const FORMAT: u64 = 57;

/// Crates that are programs, or made for them: nobody depends on what they show.
const NOT_LIBRARIES: &[&str] = &["bench-serve", "plimsoll-cli", "plimsoll-gateway", "orders", "xtask"];

/// The command itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let listed = list(&workspace)?.context("this compiler writes another version of rustdoc's JSON")?;
    if options.bless {
        fs::create_dir_all(workspace.root.join(FOLDER))?;
        for (name, items) in &listed {
            fs::write(text_of(&workspace, name), written(items)).with_context(|| text_name(name))?;
        }
    }
    let findings = compare(&workspace, &listed)?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every line that went or came, as `text: - item` and `text: + item`.
///
/// # Errors
/// When an item list cannot be made. A compiler whose lists cannot be read is an error on a build machine only.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    match list(workspace)? {
        Some(listed) => compare(workspace, &listed),
        None if tools::on_build_machine() => bail!("the compiler's item lists cannot be read: raise FORMAT"),
        None => {
            println!("NOT GUARDED: this compiler writes another version of rustdoc's JSON than {FORMAT}");
            Ok(Vec::new())
        }
    }
}

type Items = BTreeSet<String>;

fn compare(workspace: &Workspace, listed: &[(String, Items)]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (name, items) in listed {
        let path = text_of(workspace, name);
        if !path.is_file() {
            found.push(format!("{}: is not there; write it with: cargo xtask api --bless", text_name(name)));
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| text_name(name))?;
        found.extend(judge(name, &text, items));
    }
    if !found.is_empty() {
        found.push(
            "lines with - went (a break), lines with + came: cargo xtask api --bless takes both".into(),
        );
    }
    Ok(found)
}

fn judge(name: &str, text: &str, items: &Items) -> Vec<String> {
    let agreed: Items = text.lines().map(str::to_owned).collect();
    let line = |sign: char, item: &String| format!("{}: {sign} {item}", text_name(name));
    let gone = agreed.difference(items).map(|item| line('-', item));
    gone.chain(items.difference(&agreed).map(|item| line('+', item))).collect()
}

fn written(items: &Items) -> String {
    items.iter().flat_map(|item| [item.as_str(), "\n"]).collect()
}

fn text_name(name: &str) -> String {
    format!("{FOLDER}/{name}.txt")
}

fn text_of(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join(text_name(name))
}

/// The public items of every library crate; `None` when this compiler's lists are of another version.
fn list(workspace: &Workspace) -> Result<Option<Vec<(String, Items)>>> {
    let wrapper = wrapper(&workspace.target)?;
    let mut listed = Vec::new();
    for package in workspace.packages.iter().filter(|package| is_library(package)) {
        let json = document(workspace, package, &wrapper)?;
        if version(&json)? != Some(FORMAT) {
            return Ok(None);
        }
        let api = public_api::Builder::from_rustdoc_json(&json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .with_context(|| format!("cannot read the items of {}", package.name))?;
        let items = api.items().map(ToString::to_string);
        // What pin-project-lite writes for itself is nobody's interface.
        listed.push((package.name.clone(), items.filter(|item| !item.contains("__private")).collect()));
    }
    Ok(Some(listed))
}

fn is_library(package: &Package) -> bool {
    let library = package.targets.iter().any(|target| target.kind == "lib");
    library && !NOT_LIBRARIES.contains(&package.name.as_str())
}

/// A rustdoc that may do what is unstable.
fn wrapper(target: &Path) -> Result<PathBuf> {
    let folder = target.join("tools");
    fs::create_dir_all(&folder)?;
    let path = folder.join("rustdoc-for-api");
    fs::write(&path, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn document(workspace: &Workspace, package: &Package, wrapper: &Path) -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--package", &package.name, "--"])
        .args(["-Zunstable-options", "--output-format", "json", "--cap-lints", "allow"])
        .env("RUSTDOC", wrapper)
        .current_dir(&workspace.root)
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo rustdoc of {}:\n{}", package.name, String::from_utf8_lossy(&output.stderr));
    }
    Ok(workspace.target.join("doc").join(package.name.replace('-', "_")).with_extension("json"))
}

fn version(json: &Path) -> Result<Option<u64>> {
    let text = fs::read(json).with_context(|| format!("cannot read {}", json.display()))?;
    let value: Value = serde_json::from_slice(&text)?;
    Ok(value["format_version"].as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(lines: &[&str]) -> Items {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn what_went_and_what_came_are_told_apart() {
        let before = written(&items(&["pub fn a::kept()", "pub fn a::gone()"]));
        let found = judge("a", &before, &items(&["pub fn a::kept()", "pub fn a::came()"]));
        assert_eq!(found, ["api/a.txt: - pub fn a::gone()", "api/a.txt: + pub fn a::came()"]);
    }

    #[test]
    fn what_is_blessed_is_found_no_more() {
        let now = items(&["pub struct a::B", "pub fn a::c() -> a::B"]);
        assert_eq!(judge("a", &written(&now), &now), Vec::<String>::new());
    }
}
