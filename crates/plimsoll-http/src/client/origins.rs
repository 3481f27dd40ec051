//! The hosts of a client, and their policies.

use super::{
    Origin, RequestError,
    live::{self, Template},
    origin_state::{OriginState, Settings},
    singleflight::Flights,
};
use arc_swap::ArcSwap;
use http::{Uri, uri::PathAndQuery};
use parking_lot::Mutex;
use plimsoll_policy::NamedPolicy;
use std::{collections::HashMap, fmt, sync::Arc};

pub(super) struct Origins {
    kind: Kind,
    /// Whether equal GETs are shared.
    pub(super) flights: Option<Flights>,
}

enum Kind {
    One(Arc<OriginState>),
    Many(Box<Many>),
}

/// The states by origin: those of configured hosts for ever, others on first use under the default policy, of which the
/// least recently used one is dropped.
pub(super) struct Many {
    settings: Arc<Settings>,
    told: HashMap<Origin, Arc<OriginState>>,
    default: Option<Arc<Template>>,
    met: ArcSwap<HashMap<Origin, Arc<OriginState>>>,
    /// Serializes the addition of hosts.
    meeting: Mutex<()>,
    most: usize,
}

impl Origins {
    pub(super) fn one(
        origin: Origin,
        policy: NamedPolicy,
        settings: &Arc<Settings>,
        flights: Option<Flights>,
    ) -> Self {
        Self { kind: Kind::One(OriginState::new(origin, policy, settings)), flights }
    }

    pub(super) fn many(
        told: Vec<(Origin, NamedPolicy)>,
        default: Option<NamedPolicy>,
        most: usize,
        settings: Arc<Settings>,
        flights: Option<Flights>,
    ) -> Self {
        let told = told
            .into_iter()
            .map(|(origin, policy)| (origin.clone(), OriginState::new(origin, policy, &settings)))
            .collect();
        let default = default.map(|policy| {
            let template = Arc::new(Template::from_pointee(policy));
            live::watch_template(&template);
            template
        });
        let (met, meeting) = (ArcSwap::default(), Mutex::new(()));
        Self { kind: Kind::Many(Box::new(Many { settings, told, default, met, meeting, most })), flights }
    }

    /// Returns the origin of a target, and the path there.
    pub(super) fn of(&self, uri: &Uri) -> Result<(Arc<OriginState>, PathAndQuery), RequestError> {
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        if uri.authority().is_none() {
            if !path.as_str().starts_with('/') {
                return Err(RequestError::Target);
            }
            return match &self.kind {
                Kind::One(host) => Ok((Arc::clone(host), path)),
                Kind::Many(_) => Err(RequestError::NoOrigin),
            };
        }
        let origin = Origin::of(uri)?;
        let host = match &self.kind {
            Kind::One(host) if host.origin == origin => Arc::clone(host),
            Kind::One(_) => return Err(RequestError::Elsewhere(origin)),
            Kind::Many(many) => many.of(origin)?,
        };
        Ok((host, path))
    }

    pub(super) fn all(&self) -> Vec<Arc<OriginState>> {
        match &self.kind {
            Kind::One(host) => vec![Arc::clone(host)],
            Kind::Many(many) => many.told.values().chain(many.met.load().values()).cloned().collect(),
        }
    }
}

impl Many {
    fn of(&self, origin: Origin) -> Result<Arc<OriginState>, RequestError> {
        if let Some(host) = self.told.get(&origin) {
            return Ok(Arc::clone(host));
        }
        if let Some(host) = self.met.load().get(&origin) {
            host.touch();
            return Ok(Arc::clone(host));
        }
        self.meet(origin)
    }

    #[cold]
    fn meet(&self, origin: Origin) -> Result<Arc<OriginState>, RequestError> {
        let Some(policy) = &self.default else { return Err(RequestError::Elsewhere(origin)) };
        let _one_at_a_time = self.meeting.lock();
        let mut met = HashMap::clone(&self.met.load());
        if let Some(host) = met.get(&origin) {
            return Ok(Arc::clone(host));
        }
        if met.len() >= self.most {
            let oldest = met.values().min_by_key(|host| host.last_used()).map(|host| host.origin.clone());
            oldest.and_then(|oldest| met.remove(&oldest));
        }
        let host = OriginState::new(origin.clone(), NamedPolicy::clone(&policy.load()), &self.settings);
        met.insert(origin, Arc::clone(&host));
        self.met.store(Arc::new(met));
        Ok(host)
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().iter().map(|host| &host.origin)).finish()
    }
}
