//! The whole file, key by key.

use super::{amount::Count, array_of_tables::ArrayOfTables, trusted::Network};
use crate::spec::{
    AccessLogSpec, AdminSpec, GatewaySpec, LimitsSpec, ListenerSpec, Name, NetworkSpec, RouteSpec,
    TunnelsSpec, UpstreamSpec,
};
use plimsoll::{
    PolicySpec,
    config::{Rules, Version, section},
    policy::units::Ratio,
};
use std::{collections::BTreeMap, num::NonZeroUsize, time::Duration};

type Workers = Count<1, 1024>;
type Upstreams = BTreeMap<Name, UpstreamSpec>;
type Policies = BTreeMap<Name, PolicySpec>;

section! {
    /// A gateway: where requests come in, where they go, and under which policies.
    pub(super) struct Sections {
        /// The version of the file's format.
        version: Version,
        /// Threads, each with a runtime and sockets of its own. Left out, one a core. Read once, at start.
        workers?: Workers,
        /// How long requests under way may take once the gateway is told to stop.
        drain: Duration = Duration::from_secs(30),
        /// Whether a change of this file is taken up without being told.
        watch: bool = false,
        /// The admin API: health, metrics, and what the gateway is told. Read once, at start.
        admin: Option<AdminSpec> = Some(AdminSpec::default()),
        /// Where requests come in. At least one; a reload may add and remove them.
        listener: ArrayOfTables<ListenerSpec, 1>,
        /// Limits of clients: sizes and times.
        limits: LimitsSpec = LimitsSpec::default(),
        /// How connections are made and watched over.
        network: NetworkSpec = NetworkSpec::default(),
        /// Connections that have switched protocols, WebSocket's for example.
        tunnels: TunnelsSpec = TunnelsSpec::default(),
        /// Trusted proxies, whose statement of the client's address is believed: addresses and networks.
        trusted: Vec<Network> = Vec::new(),
        /// The part of traces begun here that are marked as sampled; what follows the mark records no others. A trace that
        /// came with a request goes on as it was marked.
        trace_sample: Ratio = Ratio::ONE,
        /// One JSON line a request.
        access_log: Option<AccessLogSpec> = None,
        /// Which requests go where.
        route: ArrayOfTables<RouteSpec, 0> = ArrayOfTables(Vec::new()),
        /// Where they go, by name.
        upstream: Upstreams = Upstreams::new(),
        /// Under which policies, by name.
        policy: Policies = Policies::new(),
    }
}

impl Rules for Sections {}

impl From<Sections> for GatewaySpec {
    fn from(written: Sections) -> Self {
        Self {
            workers: written.workers.and_then(|workers| NonZeroUsize::new(workers.get() as usize)),
            admin: written.admin,
            listeners: written.listener.0,
            limits: written.limits,
            network: written.network,
            tunnels: written.tunnels,
            trusted: written.trusted.into_iter().map(|Network(trust)| trust).collect(),
            routes: written.route.0,
            upstreams: written.upstream,
            policies: written.policy,
            trace_sample: written.trace_sample,
            access_log: written.access_log,
            drain: written.drain,
            watch: written.watch,
        }
    }
}

impl From<&GatewaySpec> for Sections {
    fn from(spec: &GatewaySpec) -> Self {
        Self {
            version: Version,
            workers: spec.workers.map(|workers| Workers::nearest(workers.get())),
            drain: spec.drain,
            watch: spec.watch,
            admin: spec.admin.clone(),
            listener: ArrayOfTables(spec.listeners.clone()),
            limits: spec.limits,
            network: spec.network,
            tunnels: spec.tunnels,
            trusted: spec.trusted.iter().copied().map(Network).collect(),
            trace_sample: spec.trace_sample,
            access_log: spec.access_log.clone(),
            route: ArrayOfTables(spec.routes.clone()),
            upstream: spec.upstreams.clone(),
            policy: spec.policies.clone(),
        }
    }
}
