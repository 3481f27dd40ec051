use super::policy::GatewayPolicy;
use crate::{metrics::RouteMetrics, spec::PathPrefix, upstream::Upstream};
use plimsoll::policy::rate::Per;
use std::{ops::Deref, sync::Arc};

/// A route at run time.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: Box<str>,
    pub(crate) path: PathPrefix,
    pub(crate) rewrite: Option<PathPrefix>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) policy: GatewayPolicy,
    pub(crate) policy_name: Box<str>,
    pub(crate) metrics: RouteMetrics,
}

impl Route {
    /// By what its policy counts requests apart.
    pub(crate) fn rate_per(&self) -> Option<&Per> {
        self.policy.spec().rate_limit.as_ref().map(|limit| &limit.per)
    }
}

/// The policy of a route, which lives as long as the calls under it.
#[derive(Debug)]
pub(crate) struct RoutePolicy(pub(crate) Arc<Route>);

impl Deref for RoutePolicy {
    type Target = GatewayPolicy;

    fn deref(&self) -> &GatewayPolicy {
        &self.0.policy
    }
}
