//! Connections to hosts: lookups of names, which are cached and repeated, and races between addresses.
//!
//! A name often has several addresses, of both families, and one of them is often dead. A [`Dialer`] follows
//! [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305) (Happy Eyeballs, version 2):
//!
//! - **Order**: the family that the resolver put first comes first (it orders by RFC 6724), and the families alternate.
//!   Connections alternate between the addresses of one family as well. An address that has failed within the last minute comes
//!   last.
//! - **Race**: if an address has not responded within [`DialSettings::attempt_delay`], the next one is tried beside it; if it
//!   has refused, at once. The first connection wins, and the others are dropped.
//! - **Memory**: an address that failed, or lost against a later one, is remembered: the next connection does not wait for
//!   it.
//!
//! Unlike the RFC's example, both families are looked up by one query, as the system's resolver does: neither answer is waited
//! for alone.
//!
//! **Names** are looked up once for all callers that wait ([`Resolve`]), and kept for the time that the resolver returns or,
//! without one, for [`DialSettings::name_time`]. When a name cannot be looked up again, its last addresses are used for an hour
//! more ([RFC 8767](https://www.rfc-editor.org/rfc/rfc8767)) and the lookup is repeated every second. At most
//! [`MOST_NAMES`] names and [`MOST_ADDRESSES`] addresses of each are kept; beyond that the least recently used name is dropped.
//!
//! A connection pool checks [`Dialer::addresses`] at intervals, and closes connections to removed addresses.

mod addresses;
mod names;
mod race;
mod resolve;

pub use names::{MOST_ADDRESSES, MOST_NAMES};
pub use resolve::{Resolve, Resolved, Resolving, SystemResolver};

use crate::keep_alive::KeepAlive;
use names::Names;
use parking_lot::Mutex;
use race::race;
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpStream;

/// The settings of a dialer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DialSettings {
    /// How long the addresses of a name are used before it is looked up again, unless the resolver returns a time. 30 s by
    /// default, at least a second.
    pub name_time: Duration,
    /// How long an address may take to respond before the next one is tried beside it. 250 ms by default, at least 10 ms.
    pub attempt_delay: Duration,
    /// TCP keep-alive; `None` switches it off.
    pub keep_alive: Option<KeepAlive>,
}

impl Default for DialSettings {
    fn default() -> Self {
        Self {
            name_time: Duration::from_secs(30),
            attempt_delay: Duration::from_millis(250),
            keep_alive: Some(KeepAlive::default()),
        }
    }
}

/// The least delay between two attempts (RFC 8305, section 8).
const LEAST_DELAY: Duration = Duration::from_millis(10);

/// A dialer, which makes connections. Clones share names and addresses. See the [module](self).
#[derive(Clone)]
pub struct Dialer {
    names: Arc<Names>,
    settings: Arc<Mutex<DialSettings>>,
}

impl Default for Dialer {
    /// Creates a dialer with the system's resolver.
    fn default() -> Self {
        Self::new(SystemResolver, DialSettings::default())
    }
}

impl Dialer {
    /// Creates a dialer with this resolver.
    pub fn new(resolver: impl Resolve, settings: DialSettings) -> Self {
        Self::shared(Arc::new(resolver), settings)
    }

    /// Creates a dialer with a shared resolver.
    pub fn shared(resolver: Arc<dyn Resolve>, settings: DialSettings) -> Self {
        let names = Arc::new(Names::new(resolver, settings.name_time));
        Self { names, settings: Arc::new(Mutex::new(settings)) }
    }

    /// Returns the settings in force.
    pub fn settings(&self) -> DialSettings {
        *self.settings.lock()
    }

    /// Puts other settings in force, for all clones and for later connections and lookups.
    pub fn set(&self, settings: DialSettings) {
        *self.settings.lock() = settings;
        self.names.keep_for(settings.name_time);
    }

    /// Connects to a name or an address (of IPv6 with or without brackets). It has no time limit; the caller sets one.
    ///
    /// # Errors
    /// A [`ResolveError`](plimsoll_driver::classify::ResolveError) within an [`io::Error`] if the name could not be looked up;
    /// otherwise the most specific error of the attempts.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time.
    ///
    /// # Cancel safety
    /// Cancel safe: the attempts in flight are dropped, and addresses without a response are remembered. A lookup in progress
    /// goes on for the next caller.
    pub async fn dial(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let settings = self.settings();
        let connect = |ip| TcpStream::connect(SocketAddr::new(ip, port));
        let stream = if let Some(ip) = literal(host) {
            connect(ip).await?
        } else {
            let addresses = self.names.addresses(host).await.map_err(io::Error::other)?;
            race(&addresses, settings.attempt_delay.max(LEAST_DELAY), connect).await?
        };
        stream.set_nodelay(true)?;
        if let Some(keep_alive) = settings.keep_alive {
            keep_alive.set(&stream)?;
        }
        Ok(stream)
    }

    /// Returns the known addresses of a name. If a lookup is due, it runs meanwhile in a separate task. `None` for an address,
    /// and for a name that was not dialled or could never be looked up.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn addresses(&self, host: &str) -> Option<Vec<IpAddr>> {
        if literal(host).is_some() {
            return None;
        }
        Some(self.names.known(host)?.all().collect())
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("settings", &self.settings()).finish_non_exhaustive()
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}
