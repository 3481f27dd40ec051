//! The policies of all clients of the process, for inspection and changes while it runs.

use super::{Handle, origin_state::OriginState};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use plimsoll_config::{ConfigError, merge};
use plimsoll_policy::{NamedPolicy, PolicySpec};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

/// A policy for hosts that are not known yet.
pub(super) type Template = ArcSwap<NamedPolicy>;

static LIVE: Mutex<Live> = Mutex::new(Live { hosts: Vec::new(), templates: Vec::new() });

/// Bounded by the live ones: dead entries are removed when the next one is added.
struct Live {
    hosts: Vec<Weak<OriginState>>,
    templates: Vec<Weak<Template>>,
}

pub(super) fn watch(host: &Arc<OriginState>) {
    let mut live = LIVE.lock();
    live.hosts.retain(|host| host.strong_count() > 0);
    live.hosts.push(Arc::downgrade(host));
}

pub(super) fn watch_template(template: &Arc<Template>) {
    let mut live = LIVE.lock();
    live.templates.retain(|template| template.strong_count() > 0);
    live.templates.push(Arc::downgrade(template));
}

/// A named policy, with every host of every client in this process under it.
#[derive(Clone, Debug)]
pub struct LivePolicy {
    name: Arc<str>,
    handles: Vec<Handle>,
    templates: Vec<Arc<Template>>,
}

/// The origins under a policy, and its defaults for further hosts.
type Users = (Vec<Handle>, Vec<Arc<Template>>);

/// Returns all policies by name. Clients whose policy has no name share [`NamedPolicy::NAMELESS`], each with its own spec.
pub fn live_policies() -> Vec<LivePolicy> {
    let live = LIVE.lock();
    let mut named: BTreeMap<Arc<str>, Users> = BTreeMap::new();
    for handle in live.hosts.iter().filter_map(Weak::upgrade).map(Handle::new) {
        named.entry(handle.policy_name().into()).or_default().0.push(handle);
    }
    for template in live.templates.iter().filter_map(Weak::upgrade) {
        named.entry(Arc::clone(&template.load().name)).or_default().1.push(template);
    }
    drop(live);
    let policy = |(name, (handles, templates))| LivePolicy { name, handles, templates };
    named.into_iter().map(policy).collect()
}

impl LivePolicy {
    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the spec: the first one, if clients have different policies under one name.
    pub fn spec(&self) -> PolicySpec {
        match self.handles.first() {
            Some(handle) => handle.spec(),
            None => self.templates.first().map_or(PolicySpec::OFF, |template| template.load().spec.clone()),
        }
    }

    /// Returns the hosts under it.
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// Changes it by a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)) of the file's keys: for
    /// all hosts, those that a client meets later too. Machines keep their state.
    ///
    /// # Errors
    /// With every fault of the result; then nothing has changed.
    pub fn patch(&self, patch: &Value) -> Result<(), ConfigError> {
        // Validates all of them first, so that a change is complete or not made.
        let patched = |spec: &PolicySpec| merge(spec, patch);
        let hosts: Vec<_> =
            self.handles.iter().map(|handle| patched(&handle.spec())).collect::<Result<_, _>>()?;
        let templates: Vec<_> =
            self.templates.iter().map(|template| patched(&template.load().spec)).collect::<Result<_, _>>()?;
        for (template, spec) in self.templates.iter().zip(templates) {
            template.store(Arc::new(NamedPolicy::new(Arc::clone(&self.name), spec)));
        }
        for (handle, spec) in self.handles.iter().zip(hosts) {
            handle.update(spec);
        }
        Ok(())
    }
}
