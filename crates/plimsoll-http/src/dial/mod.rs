//! Connections to hosts: names that are looked up, kept and looked up again, and addresses that are raced.
//!
//! A name often has several addresses, of both families, and one of them is often dead. A [`Dialer`] does what
//! [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305) (Happy Eyeballs, version 2) says:
//!
//! - **Order**: the family that the resolver put first comes first (it orders by RFC 6724), and the families take turns.
//!   Among the addresses of one family connections take turns too. An address that has failed within the last minute comes
//!   last.
//! - **Race**: where an address has not responded within [`DialSettings::attempt_delay`], the next one is tried beside it;
//!   where it has refused, at once. The first connection wins, and the others are given up.
//! - **Memory**: an address that failed, or lost against a later one, is remembered: the next connection does not wait for
//!   it.
//!
//! Unlike the RFC's example, both families are asked for by one question, as the system's resolver does it: there is no
//! answer for one of them to be waited for.
//!
//! **Names** are looked up once for all who wait ([`Resolve`]), and kept for as long as the resolver says or, where it says
//! nothing, for [`DialSettings::name_time`]. When a name cannot be looked up again, its last addresses are used for an hour
//! more ([RFC 8767](https://www.rfc-editor.org/rfc/rfc8767)) and it is asked for every second. At most [`MOST_NAMES`] names
//! and [`MOST_ADDRESSES`] addresses of each are kept; beyond, the name that was left alone for longest is forgotten.
//!
//! A connection pool asks [`Dialer::addresses`] now and then, and closes connections to addresses that are gone.

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

/// How connections are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DialSettings {
    /// How long the addresses of a name are used before it is looked up again, where the resolver does not say. 30 s. At
    /// least a second.
    pub name_time: Duration,
    /// How long an address may take to respond before the next one is tried beside it. 250 ms. At least 10 ms.
    pub attempt_delay: Duration,
    /// Whether and how connections are probed; `None`: never.
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

/// A maker of connections. Clones share names and what is known of their addresses. See the [module](self).
#[derive(Clone)]
pub struct Dialer {
    names: Arc<Names>,
    settings: Arc<Mutex<DialSettings>>,
}

impl Default for Dialer {
    /// With the system's resolver.
    fn default() -> Self {
        Self::new(SystemResolver, DialSettings::default())
    }
}

impl Dialer {
    /// Looks names up by `resolver`.
    pub fn new(resolver: impl Resolve, settings: DialSettings) -> Self {
        Self::shared(Arc::new(resolver), settings)
    }

    /// The same with a resolver that others use as well.
    pub fn shared(resolver: Arc<dyn Resolve>, settings: DialSettings) -> Self {
        let names = Arc::new(Names::new(resolver, settings.name_time));
        Self { names, settings: Arc::new(Mutex::new(settings)) }
    }

    /// The settings in force.
    pub fn settings(&self) -> DialSettings {
        *self.settings.lock()
    }

    /// Puts other settings in force, for all clones: for what is dialled and looked up from now on.
    pub fn set(&self, settings: DialSettings) {
        *self.settings.lock() = settings;
        self.names.keep_for(settings.name_time);
    }

    /// Connects to a name or an address (of IPv6 with or without brackets). Without a limit of its own: that is the
    /// caller's.
    ///
    /// # Errors
    /// A [`ResolveError`](plimsoll_driver::classify::ResolveError) within an [`io::Error`] where the name could not be looked
    /// up; else what the most telling of the attempts ended with.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time.
    ///
    /// # Cancel safety
    /// Dropped, the attempts under way are given up, and the addresses that had not responded are remembered. A lookup that
    /// has begun goes on for the sake of the next caller.
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

    /// The addresses of a name as they are known now. Where they are due, they are looked up again meanwhile, in a task of
    /// its own. `None` for an address, and for a name that has not been dialled or could never be looked up.
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
