use super::{
    Client, Origin, OriginError,
    connect::{Connecting, Http2},
    metrics::Families,
    origin_state::Settings,
    origins::Origins,
    pool::PoolConfig,
    singleflight::{Flights, Singleflight},
};
use crate::{body::ByteLimit, dial::Dialer};
use plimsoll_driver::Time;
use plimsoll_policy::NamedPolicy;
use plimsoll_telemetry::{RegisterError, Registry};
use std::{
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

/// A builder of a [`Client`]. Each setting has a default that works.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    told: Vec<(Origin, NamedPolicy)>,
    default: Option<NamedPolicy>,
    most_hosts: NonZeroUsize,
    pool: PoolConfig,
    kept: usize,
    body_limit: ByteLimit,
    propagate_deadline: bool,
    propagate_trace: bool,
    http2_only: bool,
    http2: Http2,
    singleflight: Option<Singleflight>,
    metrics: Option<Families>,
    time: Time,
    dialer: Dialer,
    #[cfg(feature = "tls")]
    tls: super::tls::Tls,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            told: Vec::new(),
            default: None,
            most_hosts: NonZeroUsize::new(256).unwrap(),
            pool: PoolConfig::DEFAULT,
            kept: 64 * 1024,
            body_limit: ByteLimit::kib(8 * 1024),
            propagate_deadline: true,
            propagate_trace: true,
            http2_only: false,
            http2: Http2::DEFAULT,
            singleflight: None,
            metrics: Families::global(),
            time: Time::TOKIO,
            dialer: Dialer::default(),
            #[cfg(feature = "tls")]
            tls: super::tls::Tls::default(),
        }
    }
}

impl Builder {
    /// Sets the policy of a host, for clients of many hosts. The last setting of a host counts.
    ///
    /// # Errors
    /// If `origin` is not a scheme, a host and optionally a port.
    pub fn host(mut self, origin: &str, policy: impl Into<NamedPolicy>) -> Result<Self, OriginError> {
        self.told.push((origin.parse()?, policy.into()));
        Ok(self)
    }

    /// Sets the policy of all other hosts, each with its own machines. Without it, other hosts are refused.
    pub fn default_policy(mut self, policy: impl Into<NamedPolicy>) -> Self {
        self.default = Some(policy.into());
        self
    }

    /// Sets the most hosts besides the configured ones, by default 256. Beyond that the least recently used one is dropped,
    /// with its connections and the state of its machines.
    pub fn most_hosts(mut self, hosts: NonZeroUsize) -> Self {
        self.most_hosts = hosts;
        self
    }

    /// Sets the most idle connections to each host, by default 64. The policy's bulkhead bounds those in use.
    pub fn idle_connections(mut self, most: usize) -> Self {
        self.pool.most_idle = most;
        self
    }

    /// Sets how long an idle connection is kept, by default a minute. It should be less than the peer's own limit, or the
    /// peer may close the connection just when a request is sent.
    pub fn idle_for(mut self, long: Duration) -> Self {
        self.pool.idle_for = long.max(Duration::from_millis(1));
        self
    }

    /// Sets the age up to which a connection is used for new requests, by default unlimited. Requests in flight finish on it.
    /// For peers behind a name whose addresses change.
    pub fn connection_age(mut self, age: Duration) -> Self {
        self.pool.age = Some(age.max(Duration::from_millis(1)));
        self
    }

    /// Sets the most requests of one connection, by default unlimited.
    pub fn connection_requests(mut self, most: NonZeroU64) -> Self {
        self.pool.requests = Some(most);
        self
    }

    /// Sets the most HTTP/2 connections to one host, by default 8. Another one is made when all have no stream left; at the
    /// limit, requests wait for a stream of the one with the fewest.
    pub fn http2_connections(mut self, most: NonZeroU32) -> Self {
        self.pool.connections = most;
        self
    }

    /// Sets the most requests at once on one HTTP/2 connection, unless the peer allows fewer; by default 100.
    pub fn http2_streams(mut self, most: NonZeroU32) -> Self {
        self.pool.streams = most;
        self
    }

    /// Sets the bytes that a peer may send ahead on one HTTP/2 stream, by default 256 KiB; values are limited to between
    /// 16 KiB and 16 MiB. The window of the connection is as large as those of all its streams, at most 2 GiB, so unread
    /// responses delay no others.
    pub fn http2_window(mut self, bytes: u32) -> Self {
        self.http2.window = bytes.clamp(16 << 10, 16 << 20);
        self
    }

    /// Sets how long an HTTP/2 peer may be silent during a request before it gets a ping, to which it must reply within 20 s.
    /// By default 6 min: below 5 min, gRPC servers with default settings close the connection. `None` sends no pings.
    pub fn http2_ping(mut self, every: Option<Duration>) -> Self {
        self.http2.ping = every.map(|every| every.max(Duration::from_millis(1)));
        self
    }

    /// Sets the most bytes of a streaming request body that are kept for a replay, by default 64 KiB.
    pub fn kept_body(mut self, bytes: usize) -> Self {
        self.kept = bytes;
        self
    }

    /// Sets the most bytes of a response that [`super::Response::bytes`] and similar methods read into memory, by default
    /// 8 MiB. A body that is read as a stream has no limit except time.
    pub fn body_limit(mut self, bytes: ByteLimit) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets whether the remaining time is sent to peers. On by default.
    pub fn propagate_deadline(mut self, on: bool) -> Self {
        self.propagate_deadline = on;
        self
    }

    /// Sets whether the current trace is propagated. On by default.
    pub fn propagate_trace(mut self, on: bool) -> Self {
        self.propagate_trace = on;
        self
    }

    /// Uses HTTP/2 only: over plain connections by prior knowledge, as gRPC does. Without it plain connections use HTTP/1.1,
    /// and encrypted ones the negotiated protocol.
    pub fn http2_only(mut self) -> Self {
        self.http2_only = true;
        self
    }

    /// Sends one of equal concurrent GETs, and gives all callers its response. Off by default: only for responses that do not
    /// depend on the client, except by the headers that are part of the key.
    pub fn singleflight(mut self, how: Singleflight) -> Self {
        self.singleflight = Some(how);
        self
    }

    /// Sets the registry of the metrics, by default [that of the process](Registry::global). See the [module](super) for the
    /// names.
    ///
    /// # Errors
    /// If the registry has other families of these names, or is full.
    pub fn metrics(mut self, registry: &Registry) -> Result<Self, RegisterError> {
        self.metrics = Some(Families::new(registry)?);
        Ok(self)
    }

    /// Switches metrics off.
    pub fn without_metrics(mut self) -> Self {
        self.metrics = None;
        self
    }

    /// Sets the source of the policies' clock, timers and randomness, by default tokio's. Idle connections are closed by
    /// tokio's clock in any case.
    pub fn time(mut self, time: Time) -> Self {
        self.time = time;
        self
    }

    /// Sets the dialer, which looks up names, races addresses and sets TCP keep-alive; by default [`Dialer::default`]. Kept
    /// connections to addresses that a name does not have any more are closed after its next lookup.
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = dialer;
        self
    }

    /// Sets the TLS configuration. By default it has Mozilla's roots.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: super::Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Builds a client of one origin, under this policy.
    ///
    /// # Errors
    /// If `origin` is not a scheme, a host and optionally a port.
    pub fn origin(self, origin: &str, policy: impl Into<NamedPolicy>) -> Result<Client, OriginError> {
        let origin = origin.parse()?;
        let flights = self.singleflight.clone().map(Flights::new);
        let settings = Arc::new(self.settings());
        Ok(Client { hosts: Arc::new(Origins::one(origin, policy.into(), &settings, flights)) })
    }

    /// Builds a client of the configured hosts, and of any other if there is a default policy.
    pub fn build(mut self) -> Client {
        let flights = self.singleflight.clone().map(Flights::new);
        let (told, default, most) =
            (std::mem::take(&mut self.told), self.default.take(), self.most_hosts.get());
        let settings = Arc::new(self.settings());
        Client { hosts: Arc::new(Origins::many(told, default, most, settings, flights)) }
    }

    fn settings(self) -> Settings {
        Settings {
            connecting: Connecting::new(
                self.dialer,
                #[cfg(feature = "tls")]
                self.tls,
                self.http2_only,
                self.http2,
            ),
            pool: self.pool,
            kept: self.kept,
            body_limit: self.body_limit,
            propagate_deadline: self.propagate_deadline,
            propagate_trace: self.propagate_trace,
            metrics: self.metrics,
            time: self.time,
        }
    }
}
