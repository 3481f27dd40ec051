//! A gateway as it is run: every value validated by its type, every name resolved.
//!
//! The file as its user writes it is read in [`crate::file`]; a [`GatewaySpec`] can only come from there, or be put
//! together from validated parts.

mod header_names;
mod limits;
mod listener;
mod name;
mod network;
mod response;
mod route;
mod upstream;

pub use header_names::HeaderNames;
pub(crate) use header_names::is_odd;
pub use limits::LimitsSpec;
pub use listener::ListenerSpec;
pub use name::Name;
pub use network::{NetworkSpec, TunnelsSpec};
pub use response::ResponseSpec;
pub use route::{HostPattern, PathPrefix, RouteSpec};
pub use upstream::{Address, EndpointSpec, HealthSpec, PoolSpec, Protocol, UpstreamSpec};

use plimsoll::{PolicySpec, config::Secret, http::headers::TrustedProxy, policy::units::Ratio};
use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

/// How the policy of routes that name none is called. A file may define it; else every machine has its default.
pub(crate) const DEFAULT_POLICY: &str = "default";

/// Everything a gateway is told.
#[derive(Clone, PartialEq, Debug)]
pub struct GatewaySpec {
    /// Threads, each with a runtime and sockets of its own; `None`: one a core. Read once, at start.
    pub workers: Option<NonZeroUsize>,
    /// Where the admin API listens; `None`: nowhere. Read once, at start.
    pub admin: Option<AdminSpec>,
    /// Where requests come in. Addresses are bound at start; a reload may add and remove them.
    pub listeners: Vec<ListenerSpec>,
    /// Limits of clients: sizes and times.
    pub limits: LimitsSpec,
    /// How connections are made and watched over.
    pub network: NetworkSpec,
    /// Connections that have switched protocols.
    pub tunnels: TunnelsSpec,
    /// Proxies whose statement of the client's address is trusted.
    pub trusted: Vec<TrustedProxy>,
    /// Which requests go where.
    pub routes: Vec<RouteSpec>,
    /// Where they go.
    pub upstreams: BTreeMap<Name, UpstreamSpec>,
    /// Under which policies.
    pub policies: BTreeMap<Name, PolicySpec>,
    /// The part of traces begun here that are marked as sampled. A trace that came with a request goes on as it was.
    pub trace_sample: Ratio,
    /// One line a request; `None`: none.
    pub access_log: Option<AccessLogSpec>,
    /// How long requests under way may take once the gateway is told to stop.
    pub drain: Duration,
    /// Whether a change of the file is taken up without being told.
    pub watch: bool,
}

/// The admin API's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminSpec {
    /// Loopback, or anywhere with a token.
    pub listen: SocketAddr,
    /// The bearer token that a caller must send; `None` on loopback only.
    pub token: Option<Secret>,
}

impl Default for AdminSpec {
    /// `127.0.0.1:9901`, without a token.
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9901)), token: None }
    }
}

/// The access log.
#[derive(Clone, PartialEq, Debug)]
pub struct AccessLogSpec {
    /// The file; `None`: standard output.
    pub path: Option<PathBuf>,
    /// The part of requests that are written.
    pub sample: Ratio,
}
