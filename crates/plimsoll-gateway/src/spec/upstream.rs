use super::{PathPrefix, ResponseSpec};
use plimsoll::policy::{
    balance::{Balance, Weight},
    ejection::EjectionSpec,
    endpoints::EndpointsSpec,
    units::Ratio,
};
use std::{fmt, net::IpAddr, num::NonZeroU32, str::FromStr, time::Duration};

/// One service: where its replicas are and how they are treated.
#[derive(Clone, PartialEq, Debug)]
pub struct UpstreamSpec {
    /// Its replicas; at least one, no two alike.
    pub endpoints: Vec<EndpointSpec>,
    /// The protocol of the endpoints.
    pub protocol: Protocol,
    /// How one is chosen.
    pub balance: Balance,
    /// Whether they are asked how they are.
    pub health: Option<HealthSpec>,
    /// Whether one that fails is left out for a while.
    pub ejection: Option<EjectionSpec>,
    /// For how long a replica that returns or is new gets less than its share.
    pub slow_start: Option<Duration>,
    /// Below this part of usable replicas all of them are asked; zero: never.
    pub panic_threshold: Ratio,
    /// Kept connections.
    pub pool: PoolSpec,
    /// How much is taken of a response beside its body.
    pub response: ResponseSpec,
}

impl UpstreamSpec {
    /// The specification of the endpoint machine.
    pub(crate) fn endpoints_spec(&self) -> EndpointsSpec {
        EndpointsSpec {
            balance: self.balance.clone(),
            ejection: self.ejection,
            checks: self.health.is_some(),
            slow_start: self.slow_start,
            panic_threshold: self.panic_threshold,
        }
    }
}

/// A replica: where it is, and how much it takes. Written and read as its address alone where it weighs 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointSpec {
    /// Where it is.
    pub address: Address,
    /// How much it takes, relative to the others. Default 1.
    pub weight: Weight,
}

impl From<Address> for EndpointSpec {
    fn from(address: Address) -> Self {
        Self { address, weight: Weight::ONE }
    }
}

impl FromStr for EndpointSpec {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse::<Address>().map(Self::from)
    }
}

/// The protocol of an upstream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 by prior knowledge, without TLS.
    Http2,
}

/// Host and port of a replica: `"10.0.0.7:8080"`, `"orders.internal:80"`, `"[::1]:8080"`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Address {
    host: Box<str>,
    port: u16,
}

impl Address {
    /// The host, without the brackets of IPv6.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address, where the host is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }
}

/// Not a host and a port.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected a host and a port such as \"10.0.0.7:8080\" or \"orders.internal:80\", found {0:?}")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let bad = || AddressError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
        let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let named = !host.is_empty() && host.len() <= 253 && host.bytes().all(letter);
        let whole = v6.map_or(named, |v6| v6.parse::<std::net::Ipv6Addr>().is_ok());
        if whole { Ok(Self { host: host.to_ascii_lowercase().into(), port }) } else { Err(bad()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Active health checks: a `GET` that is well if the response is 2xx or 3xx in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthSpec {
    /// The path that is requested.
    pub path: PathPrefix,
    /// How often. Default 5 s.
    pub every: Duration,
    /// How long a response may take. Default 1 s.
    pub timeout: Duration,
    /// So many good responses in a row make it healthy. Default 2.
    pub healthy_after: NonZeroU32,
    /// So many bad ones make it unhealthy. Default 3.
    pub unhealthy_after: NonZeroU32,
}

impl HealthSpec {
    /// Asks for `path` every 5 s, with a second's time; 2 good responses, 3 bad ones.
    pub fn new(path: PathPrefix) -> Self {
        Self {
            path,
            every: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            healthy_after: NonZeroU32::new(2).unwrap_or(NonZeroU32::MIN),
            unhealthy_after: NonZeroU32::new(3).unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// Connections to a replica, and how long each is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolSpec {
    /// Kept at most, for each worker and replica. Default 256.
    pub idle: usize,
    /// Kept without use for at most this long. Default 30 s: below the 60 s or more that servers usually keep them.
    pub idle_time: Duration,
    /// Used for new requests for at most this long after it was made. Default for ever.
    pub age: Option<Duration>,
    /// Requests over one connection. Default any number.
    pub requests: Option<NonZeroU32>,
    /// HTTP/2 connections at most, for each worker and replica: another one is made when those there are full, or take
    /// nothing of what is sent. Default 8.
    pub connections: NonZeroU32,
    /// Requests at once on one HTTP/2 connection, where the replica does not allow fewer. Default 100.
    pub streams: NonZeroU32,
    /// Bytes that a replica may send ahead on one HTTP/2 stream; see [`LimitsSpec::window`](super::LimitsSpec::window).
    /// Default 256 KiB.
    pub window: u32,
    /// For how long an HTTP/2 replica may be silent, while a request is under way, before it is asked whether it is there.
    /// Default 6 min: servers of gRPC take offence at less than 5.
    pub ping: Option<Duration>,
}

impl Default for PoolSpec {
    fn default() -> Self {
        Self {
            idle: 256,
            idle_time: Duration::from_secs(30),
            age: None,
            requests: None,
            connections: const { NonZeroU32::new(8).unwrap() },
            streams: const { NonZeroU32::new(100).unwrap() },
            window: 256 * 1024,
            ping: Some(Duration::from_secs(360)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["10.0.0.7:8080", "orders.internal:80", "[::1]:9001"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("[::1]:1".parse::<Address>().unwrap().ip(), Some("::1".parse().unwrap()));
        for text in ["", "a", "a:", ":80", "a:0", "a:99999", "::1:80", "a b:80", "http://a:80", "[x]:80"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
