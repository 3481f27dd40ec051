//! Active health checks: each endpoint of an upstream that asks for them is asked how it is, again and again.
//!
//! One task an endpoint, so that no endpoint is ever asked twice at once and none waits for another. A configuration that
//! changes stops, starts or leaves alone each task by what concerns it.

mod ask;
mod endpoint;
mod standing;

use crate::{
    shared::Shared,
    spec::{HealthSpec, Protocol},
};
use endpoint::Checked;
use std::{collections::HashMap, sync::Arc};
use tokio::task::{AbortHandle, spawn};

/// Keeps every endpoint checked that the configuration in force wants checked. Ends with the gateway, or when dropped.
pub(crate) async fn keep_checking(shared: Arc<Shared>) {
    let mut generations = shared.generations.subscribe();
    let shared = Arc::downgrade(&shared);
    let mut running = Running::default();
    loop {
        let Some(shared) = shared.upgrade() else { return };
        generations.borrow_and_update();
        running.follow(&shared);
        drop(shared);
        if generations.changed().await.is_err() {
            return;
        }
    }
}

/// The checks under way, by the endpoint's id.
#[derive(Debug, Default)]
struct Running(HashMap<u64, Check>);

#[derive(Debug)]
struct Check {
    how: (HealthSpec, Protocol),
    task: AbortHandle,
}

impl Running {
    fn follow(&mut self, shared: &Arc<Shared>) {
        let snapshot = shared.snapshot.load();
        let mut before = std::mem::take(&mut self.0);
        for upstream in snapshot.upstreams.values() {
            let Some(health) = &upstream.spec.health else { continue };
            let how = (health.clone(), upstream.spec.protocol);
            for endpoint in &upstream.endpoints {
                let kept = before.remove(&endpoint.id).filter(|check| check.how == how);
                let check = kept.unwrap_or_else(|| {
                    let checked = Checked::new(shared, upstream, endpoint, health.clone());
                    Check { how: how.clone(), task: spawn(checked.keep_asking()).abort_handle() }
                });
                self.0.insert(endpoint.id, check);
            }
        }
        // A check that was dropped by the filter above is stopped there; these are the ones nobody wants any more.
        drop(before);
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.task.abort();
    }
}
