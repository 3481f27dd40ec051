//! Lines about endpoints: failures and turns, each with the reason, one a minute of a kind.
//!
//! A failure at an endpoint is a line at the default level, with the cause and the id that the client got. Of the same
//! cause at the same endpoint there is one line a minute; those between are counted, and their number told. So a dead
//! endpoint is in the log within the second, and does not drown it.

use super::Endpoint;
use crate::{spec::Name, why::Why};
use http::StatusCode;
use parking_lot::Mutex;
use plimsoll::{
    http::{Chain, ProblemId},
    policy::{Instant, ejection::Ejected},
    telemetry::logs::Repeats,
};
use std::{collections::HashMap, error::Error, sync::Arc, time::Duration};

/// How often the same thing is a line of its own.
const WINDOW: Duration = Duration::from_secs(60);

/// Kinds of failures, and of turns, that are told apart at once: endpoints times causes.
const MOST: usize = 64;

/// An attempt that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) why: Why,
    /// Where the endpoint gave one.
    pub(crate) status: Option<StatusCode>,
    /// The id that the client got.
    pub(crate) id: ProblemId,
}

/// The state of an endpoint, or of a whole upstream, that has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Turn {
    Ejected,
    LetBack,
    Healthy,
    Unhealthy,
    /// Too few endpoints are usable.
    Panic,
    PanicOver,
}

/// The notices that are logged, and those that are only counted.
#[derive(Debug)]
pub(crate) struct Notices {
    failures: Repeats<(u64, Why, Option<StatusCode>), Failed>,
    /// By the name of the upstream, the endpoint's id (0: all of them), and what has turned.
    turns: Repeats<(Name, u64, Turn), Option<Arc<Endpoint>>>,
    /// Endpoints that were ejected and of which nobody has said yet that they are back.
    ejected: Mutex<HashMap<u64, Arc<Endpoint>>>,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            failures: Repeats::new(WINDOW, MOST),
            turns: Repeats::new(WINDOW, MOST),
            ejected: Mutex::default(),
        }
    }
}

impl Notices {
    /// An attempt failed.
    #[cold]
    pub(crate) fn failed(&self, failed: Failed, error: Option<&(dyn Error + 'static)>, now: Instant) {
        let key = (failed.endpoint.id, failed.why, failed.status);
        let Some(repeats) = self.failures.seen(key, failed.clone(), now) else { return };
        let Failed { endpoint, why, status, id } = &failed;
        tracing::warn!(
            upstream = %endpoint.upstream,
            endpoint = %endpoint.address,
            why = why.name(),
            status = status.map(|status| status.as_u16()),
            error = error.map(|error| tracing::field::display(Chain(error))),
            %id,
            repeats = some(repeats),
            "attempt failed",
        );
    }

    /// An endpoint is left out for a while.
    #[cold]
    pub(crate) fn ejected(&self, endpoint: &Arc<Endpoint>, ejected: &Ejected, now: Instant) {
        self.ejected.lock().insert(endpoint.id, Arc::clone(endpoint));
        let Some(repeats) = self.turned(endpoint, Turn::Ejected, now) else { return };
        let (upstream, address) = (&endpoint.upstream, &endpoint.address);
        let (reason, times, repeats) = (ejected.reason.name(), ejected.times, some(repeats));
        tracing::warn!(%upstream, endpoint = %address, reason, times, repeats, "endpoint ejected");
    }

    /// Health checks have changed their mind of an endpoint.
    pub(crate) fn checked(&self, endpoint: &Arc<Endpoint>, healthy: bool, heard: &str, now: Instant) {
        let turn = if healthy { Turn::Healthy } else { Turn::Unhealthy };
        let Some(repeats) = self.turned(endpoint, turn, now) else { return };
        let (upstream, address, repeats) = (&endpoint.upstream, &endpoint.address, some(repeats));
        if healthy {
            tracing::info!(%upstream, endpoint = %address, heard, repeats, "endpoint healthy");
        } else {
            tracing::warn!(%upstream, endpoint = %address, heard, repeats, "endpoint unhealthy");
        }
    }

    /// Too few endpoints of an upstream are usable, or enough again.
    pub(crate) fn panic(
        &self,
        upstream: &Name,
        begun: bool,
        (usable, endpoints): (usize, usize),
        now: Instant,
    ) {
        let turn = if begun { Turn::Panic } else { Turn::PanicOver };
        let key = (upstream.clone(), 0, turn);
        let Some(repeats) = self.turns.seen(key, None, now) else { return };
        let repeats = some(repeats);
        if begun {
            tracing::warn!(%upstream, usable, endpoints, repeats, "too few endpoints are usable: all of them are asked");
        } else {
            tracing::info!(%upstream, usable, endpoints, repeats, "enough endpoints are usable again");
        }
    }

    fn turned(&self, endpoint: &Arc<Endpoint>, turn: Turn, now: Instant) -> Option<u64> {
        let key = (endpoint.upstream.clone(), endpoint.id, turn);
        self.turns.seen(key, Some(Arc::clone(endpoint)), now)
    }

    /// Tells what has gathered, and who is back. To be called about once a second. `is_ejected` says whether an endpoint is
    /// left out, if the configuration in force has it.
    pub(crate) fn log_repeats(&self, now: Instant, is_ejected: impl Fn(&Endpoint) -> Option<bool>) {
        self.look_for_those_let_back(is_ejected, now);
        let due = self.failures.due(now);
        if due.beyond > 0 {
            tracing::warn!(attempts = due.beyond, "attempts failed at further endpoints");
        }
        for ((_, why, _), repeats, Failed { endpoint, status, id, .. }) in due.repeats {
            let (upstream, address, status) =
                (&endpoint.upstream, &endpoint.address, status.map(|s| s.as_u16()));
            tracing::warn!(%upstream, endpoint = %address, why = why.name(), status, %id, repeats, "attempts failed");
        }
        let due = self.turns.due(now);
        for ((upstream, _, turn), repeats, endpoint) in due.repeats {
            let endpoint = endpoint.map(|endpoint| tracing::field::display(endpoint.address.clone()));
            tracing::warn!(%upstream, endpoint, ?turn, repeats, "turned so again since");
        }
    }

    fn look_for_those_let_back(&self, is_ejected: impl Fn(&Endpoint) -> Option<bool>, now: Instant) {
        let mut ejected = self.ejected.lock();
        if ejected.is_empty() {
            return;
        }
        let mut back = Vec::new();
        ejected.retain(|_, endpoint| {
            match is_ejected(endpoint) {
                Some(true) => true,
                Some(false) => {
                    back.push(Arc::clone(endpoint));
                    false
                }
                // An endpoint that the configuration in force does not have any more is nobody's news.
                None => false,
            }
        });
        drop(ejected);
        for endpoint in back {
            if let Some(repeats) = self.turned(&endpoint, Turn::LetBack, now) {
                let (upstream, address, repeats) = (&endpoint.upstream, &endpoint.address, some(repeats));
                tracing::info!(%upstream, endpoint = %address, repeats, "endpoint let back: its ejection is over");
            }
        }
    }
}

/// A number of repeats, where there were any.
fn some(repeats: u64) -> Option<u64> {
    (repeats > 0).then_some(repeats)
}
