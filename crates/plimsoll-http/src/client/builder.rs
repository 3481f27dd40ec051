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

/// A [`Client`]'s switches, each with a default that works.
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
    /// This host has this policy. For clients of many hosts; told twice, the last counts.
    ///
    /// # Errors
    /// If `origin` is not a scheme, a host and perhaps a port.
    pub fn host(mut self, origin: &str, policy: impl Into<NamedPolicy>) -> Result<Self, OriginError> {
        self.told.push((origin.parse()?, policy.into()));
        Ok(self)
    }

    /// Every other host has this policy, each its own machines. Without one, the client goes nowhere else.
    pub fn default_policy(mut self, policy: impl Into<NamedPolicy>) -> Self {
        self.default = Some(policy.into());
        self
    }

    /// The most hosts beside those it is told of: 256 unless said otherwise. Beyond, the one left alone for longest is
    /// forgotten, with its connections and what its machines have learned.
    pub fn most_hosts(mut self, hosts: NonZeroUsize) -> Self {
        self.most_hosts = hosts;
        self
    }

    /// The most connections that wait for a request, to each host: 64 unless said otherwise. What is in use, the policy's
    /// bulkhead bounds.
    pub fn idle_connections(mut self, most: usize) -> Self {
        self.pool.most_idle = most;
        self
    }

    /// How long a connection waits for a request before it is closed: a minute unless said otherwise. Less than the
    /// peer's own limit, or it is the peer who closes, perhaps just when a request goes out.
    pub fn idle_for(mut self, long: Duration) -> Self {
        self.pool.idle_for = long.max(Duration::from_millis(1));
        self
    }

    /// How long a connection is used for new requests after it was made: for ever unless said otherwise. Requests under way
    /// then finish on it. For peers behind a name whose addresses change.
    pub fn connection_age(mut self, age: Duration) -> Self {
        self.pool.age = Some(age.max(Duration::from_millis(1)));
        self
    }

    /// How many requests one connection serves: any number unless said otherwise.
    pub fn connection_requests(mut self, most: NonZeroU64) -> Self {
        self.pool.requests = Some(most);
        self
    }

    /// The most connections of HTTP/2 to one host: 8 unless said otherwise. Another one is made when those there have no
    /// stream left; where no more may be made, requests wait for a stream of the one with the fewest.
    pub fn http2_connections(mut self, most: NonZeroU32) -> Self {
        self.pool.connections = most;
        self
    }

    /// The most requests at once on one connection of HTTP/2, where the peer does not allow fewer: 100 unless said otherwise.
    pub fn http2_streams(mut self, most: NonZeroU32) -> Self {
        self.pool.streams = most;
        self
    }

    /// Sets the bytes that a peer may send ahead on one HTTP/2 stream: 256 KiB unless set, taken as at least 16 KiB and
    /// at most 16 MiB. The window of the connection is as large as those of all its streams, at most 2 GiB: responses
    /// that are not read hold up no others.
    pub fn http2_window(mut self, bytes: u32) -> Self {
        self.http2.window = bytes.clamp(16 << 10, 16 << 20);
        self
    }

    /// For how long a peer of HTTP/2 may be silent, while a request is under way, before it is asked whether it is there; it
    /// has 20 s to say so. 6 min unless said otherwise: below 5 min, servers of gRPC at their defaults close the connection.
    /// `None` never asks.
    pub fn http2_ping(mut self, every: Option<Duration>) -> Self {
        self.http2.ping = every.map(|every| every.max(Duration::from_millis(1)));
        self
    }

    /// The most bytes of a streaming request body that are kept for sending it again: 64 KiB unless said otherwise.
    pub fn kept_body(mut self, bytes: usize) -> Self {
        self.kept = bytes;
        self
    }

    /// The most bytes of a response that [`super::Response::bytes`] and its like read into memory: 8 MiB unless said
    /// otherwise. A body that is read as a stream has no limit but time.
    pub fn body_limit(mut self, bytes: ByteLimit) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Whether peers are told how much time is left. On unless said otherwise.
    pub fn propagate_deadline(mut self, on: bool) -> Self {
        self.propagate_deadline = on;
        self
    }

    /// Whether the current trace is carried on. On unless said otherwise.
    pub fn propagate_trace(mut self, on: bool) -> Self {
        self.propagate_trace = on;
        self
    }

    /// HTTP/2 alone: over plain connections without asking first, as gRPC does. Without it plain connections speak HTTP/1.1,
    /// and encrypted ones what both sides know.
    pub fn http2_only(mut self) -> Self {
        self.http2_only = true;
        self
    }

    /// Of equal GETs at the same time, one is sent, and all who ask get its response. Off unless said otherwise: only for
    /// answers that do not depend on who asks, beyond the headers that are part of the key.
    pub fn singleflight(mut self, how: Singleflight) -> Self {
        self.singleflight = Some(how);
        self
    }

    /// Counts policies' decisions and connections in this registry, instead of in [that of the
    /// process](Registry::global). See the [module](super) for the names.
    ///
    /// # Errors
    /// If the registry has other families of these names, or is full.
    pub fn metrics(mut self, registry: &Registry) -> Result<Self, RegisterError> {
        self.metrics = Some(Families::new(registry)?);
        Ok(self)
    }

    /// Counts nothing.
    pub fn without_metrics(mut self) -> Self {
        self.metrics = None;
        self
    }

    /// Where the policies' clock, timers and randomness come from: tokio's unless said otherwise. Connections that rest are
    /// swept by tokio's clock in any case.
    pub fn time(mut self, time: Time) -> Self {
        self.time = time;
        self
    }

    /// Where connections come from: how names are looked up and for how long that holds, how addresses are raced, and TCP
    /// keep-alive. [`Dialer::default`] unless said otherwise. Kept connections to addresses that a name does not have any
    /// more are closed once it has been looked up again.
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = dialer;
        self
    }

    /// How encrypted connections are made. Unless said otherwise, with the roots that Mozilla trusts.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: super::Tls) -> Self {
        self.tls = tls;
        self
    }

    /// A client of one origin alone, under this policy.
    ///
    /// # Errors
    /// If `origin` is not a scheme, a host and perhaps a port.
    pub fn origin(self, origin: &str, policy: impl Into<NamedPolicy>) -> Result<Client, OriginError> {
        let origin = origin.parse()?;
        let flights = self.singleflight.clone().map(Flights::new);
        let settings = Arc::new(self.settings());
        Ok(Client { hosts: Arc::new(Origins::one(origin, policy.into(), &settings, flights)) })
    }

    /// A client of the hosts that it was told of, and of any other if there is a default policy.
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
