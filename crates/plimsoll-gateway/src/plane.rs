//! A running gateway, and the changes that can be made to it.

use crate::{
    file,
    gateway::{Gateway, StartError},
    spec::{DEFAULT_POLICY, GatewaySpec, Name},
};
use parking_lot::Mutex;
use plimsoll::{
    PolicySpec,
    config::{ConfigError, Shape, merge},
};
use serde_json::Value;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

/// Why a configuration was not taken up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The gateway does not come from a file.
    #[error("this gateway was not started from a file")]
    NoFile,
    /// The file cannot be read or is wrong.
    #[error(transparent)]
    File(#[from] file::LoadError),
    /// The configuration cannot be applied.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Why a policy was not changed.
#[derive(Debug)]
pub(crate) enum PatchError {
    /// There is no policy of this name.
    Unknown,
    /// The result would be invalid.
    Invalid(ConfigError),
    /// It cannot be done.
    Start(StartError),
}

/// How the last reload went.
#[derive(Clone, Debug)]
pub(crate) struct Reload {
    pub(crate) at: SystemTime,
    /// The configuration's number, or every fault, one a line.
    pub(crate) result: Result<u64, String>,
}

/// A running gateway: what it comes from, how old it is, how the last reload went.
#[derive(Debug)]
pub(crate) struct Plane {
    gateway: Gateway,
    file: Option<PathBuf>,
    admin: Option<SocketAddr>,
    pub(crate) started: SystemTime,
    pub(crate) since: Instant,
    /// Held while the configuration is changed: changes follow one another.
    changing: Mutex<()>,
    last: Mutex<Option<Reload>>,
}

impl Plane {
    pub(crate) fn new(gateway: Gateway, file: Option<PathBuf>, admin: Option<SocketAddr>) -> Self {
        let (started, since) = (SystemTime::now(), Instant::now());
        let plane =
            Self { gateway, file, admin, started, since, changing: Mutex::default(), last: Mutex::default() };
        plane.taken_up(started);
        plane
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(crate) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    pub(crate) fn last_reload(&self) -> Option<Reload> {
        self.last.lock().clone()
    }

    /// Takes up the file as it is now; `by` says who asked. Blocks.
    pub(crate) fn reload(&self, by: &str) -> Result<u64, ReloadError> {
        let _changing = self.changing.lock();
        let result = self.try_reload();
        let (at, metrics) = (SystemTime::now(), &self.gateway.shared().metrics);
        match &result {
            Ok(generation) => {
                metrics.reloaded.inc();
                self.taken_up(at);
                tracing::info!(generation, by, "configuration taken up");
            }
            Err(error) => {
                metrics.reload_refused.inc();
                refused(error, by);
            }
        }
        let told = result.as_ref().map(|generation| *generation).map_err(ToString::to_string);
        *self.last.lock() = Some(Reload { at, result: told });
        result
    }

    fn try_reload(&self) -> Result<u64, ReloadError> {
        let path = self.file.as_deref().ok_or(ReloadError::NoFile)?;
        let loaded = file::load(path, &|name| std::env::var(name).ok())?;
        warn_of(&loaded.warnings);
        let running = self.gateway.spec();
        let mut spec = loaded.spec;
        // What is bound at the start stays; whoever asks for the configuration sees what is in force.
        if spec.admin != running.admin {
            tracing::warn!("[admin] has changed: that needs a restart");
            spec.admin.clone_from(&running.admin);
        }
        if spec.workers != running.workers {
            tracing::warn!("\"workers\" has changed: that needs a restart");
            spec.workers = running.workers;
        }
        Ok(self.gateway.reload(spec)?)
    }

    fn taken_up(&self, at: SystemTime) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.gateway.shared().metrics.reloaded_at.set(since.as_secs_f64());
    }

    /// Changes the thresholds of a policy, until the file is next taken up. Machines keep their state; `by` says who asked.
    /// Blocks.
    pub(crate) fn patch(&self, name: &str, patch: &Value, by: &str) -> Result<u64, PatchError> {
        let _changing = self.changing.lock();
        let running = self.gateway.spec();
        let before = policy_of(&running, name).ok_or(PatchError::Unknown)?;
        let after = merge(&before, patch).map_err(PatchError::Invalid)?;
        let name = Name::try_from(name).map_err(|_| PatchError::Unknown)?;
        let mut spec = GatewaySpec::clone(&running);
        spec.policies.insert(name.clone(), after);
        let generation = self.gateway.reload(spec).map_err(PatchError::Start)?;
        let old = covered(&before.write(), patch);
        tracing::info!(policy = %name, by, %old, new = %patch, "policy patched");
        Ok(generation)
    }
}

/// Returns the values of a document that a merge patch would change, in the form of a patch: `null` for an absent key.
fn covered(document: &Value, patch: &Value) -> Value {
    let (Some(patch), Value::Object(_) | Value::Null) = (patch.as_object(), document) else {
        return document.clone();
    };
    let of = |key: &String| document.get(key).unwrap_or(&Value::Null);
    patch.iter().map(|(key, patch)| (key.clone(), covered(of(key), patch))).collect()
}

/// The policy of this name: one that is configured, or the default one where routes use it.
pub(crate) fn policy_of(spec: &GatewaySpec, name: &str) -> Option<PolicySpec> {
    let implied = || {
        let used = name == DEFAULT_POLICY && spec.routes.iter().any(|route| route.policy.is_none());
        used.then(PolicySpec::default)
    };
    spec.policies.get(name).cloned().or_else(implied)
}

/// Logs warnings: harmless, but hardly meant.
pub(crate) fn warn_of(warnings: &[plimsoll::config::Diagnostic]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

fn refused(error: &ReloadError, by: &str) {
    match error {
        ReloadError::File(file::LoadError::Invalid(invalid)) => {
            for fault in invalid.faults() {
                tracing::error!("{fault}");
            }
            let faults = invalid.faults().iter().count();
            tracing::error!(faults, by, "configuration refused: the file is wrong; the old one serves on");
        }
        error => tracing::error!(%error, by, "configuration refused; the old one serves on"),
    }
}

#[cfg(test)]
mod tests {
    use super::covered;
    use serde_json::json;

    #[test]
    fn the_old_value_has_the_form_of_the_patch() {
        let document = json!({ "retry": { "attempts": 3, "on": ["connect"] }, "hedge": "off" });
        let patch = json!({ "retry": { "attempts": 5 }, "hedge": { "after": "1s" }, "shed": null });
        let old = json!({ "retry": { "attempts": 3 }, "hedge": "off", "shed": null });
        assert_eq!(covered(&document, &patch), old);
    }
}
