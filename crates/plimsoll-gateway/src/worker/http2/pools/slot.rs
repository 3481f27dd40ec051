use super::connection::{Connection, Lease};
use crate::{
    pool::Births,
    proxy::Fault,
    spec::PoolSpec,
    upstream::{Endpoint, Upstream},
};
use plimsoll::{driver, http::dial::Dialer, policy::Instant};
use std::{
    cell::{Cell, RefCell},
    io,
    net::IpAddr,
    pin::pin,
    rc::Rc,
    time::Duration,
};
use tokio::{
    sync::{Mutex, Notify},
    time::timeout_at,
};

/// How long a request waits for a stream where no further connection may be made. Below any sensible limit on connecting:
/// that all are full says nothing about the endpoint.
const FULL: Duration = Duration::from_millis(200);

/// An endpoint's connections, and who is making one. Whoever comes meanwhile waits for that one.
#[derive(Debug, Default)]
pub(super) struct Slot {
    spec: Cell<PoolSpec>,
    /// In the order in which they were made: the first with room is used, so that the last become idle.
    connections: RefCell<Vec<Rc<Connection>>>,
    births: Births,
    dialling: Mutex<()>,
    free: Notify,
}

impl Slot {
    pub(super) fn set_spec(&self, spec: PoolSpec) {
        self.spec.set(spec);
    }

    /// A place on a connection that has one and takes what is sent.
    pub(super) fn pick(self: &Rc<Self>, uploads: bool) -> Option<Lease> {
        let spec = self.spec.get();
        let connections = self.connections.borrow();
        let fit = |connection: &&Rc<Connection>| {
            connection.is_usable(&spec) && connection.has_room(&spec) && !connection.is_stalled(uploads)
        };
        connections.iter().find(fit).map(|connection| Lease::new(connection, self))
    }

    /// As [`Self::pick`], or on a connection that is made for it. Where no more may be made, also on one that is stalled,
    /// and else on the first that has room again within [`FULL`].
    pub(super) async fn wait_or_dial(
        self: &Rc<Self>,
        dialer: &Dialer,
        upstream: &Upstream,
        endpoint: &Endpoint,
        uploads: bool,
    ) -> Result<Lease, Fault> {
        let limit = tokio::time::Instant::now() + FULL;
        loop {
            let mut freed = pin!(self.free.notified());
            freed.as_mut().enable();
            {
                let _dialling = self.dialling.lock().await;
                if let Some(lease) = self.pick(uploads) {
                    return Ok(lease);
                }
                let spec = self.spec.get();
                self.forget(&spec);
                if self.connections.borrow().len() < spec.connections.get() as usize {
                    return self.dial(dialer, upstream, endpoint).await;
                }
                let connections = self.connections.borrow();
                let room = connections.iter().filter(|connection| connection.has_room(&spec));
                if let Some(least) = room.min_by_key(|connection| connection.streams()) {
                    return Ok(Lease::new(least, self));
                }
            }
            if timeout_at(limit, freed).await.is_err() {
                return Err(Fault::Full);
            }
        }
    }

    async fn dial(
        self: &Rc<Self>,
        dialer: &Dialer,
        upstream: &Upstream,
        endpoint: &Endpoint,
    ) -> Result<Lease, Fault> {
        let connected = crate::proxy::dial(dialer, &endpoint.address).await;
        let socket =
            connected.inspect_err(|_| upstream.metrics.connect_failed.inc()).map_err(Fault::Connect)?;
        let shaken = Connection::new(socket, &self.spec.get(), self.births.now(driver::now())).await;
        let connection = shaken.map_err(|error| Fault::Connect(io::Error::other(error)))?;
        upstream.metrics.connected.inc();
        let connection = Rc::new(connection);
        let lease = Lease::new(&connection, self);
        self.connections.borrow_mut().push(connection);
        // Others may have waited for a place rather than for the connection.
        self.free.notify_waiters();
        Ok(lease)
    }

    /// Those that take no new requests end with those they have.
    fn forget(&self, spec: &PoolSpec) {
        self.connections.borrow_mut().retain(|connection| connection.is_usable(spec));
    }

    /// A stream has ended.
    pub(super) fn freed(&self) {
        self.free.notify_one();
    }

    pub(super) fn sweep(&self, now: Instant, addresses: Option<&[IpAddr]>) {
        let spec = self.spec.get();
        let is_gone = |connection: &Connection| {
            addresses.is_some_and(|addresses| connection.peer().is_none_or(|peer| !addresses.contains(&peer)))
        };
        self.connections.borrow_mut().retain(|connection| {
            connection.is_usable(&spec) && !connection.is_idle(now, spec.idle_time) && !is_gone(connection)
        });
    }

    /// Whether it has a connection, or somebody makes one.
    pub(super) fn is_used(&self) -> bool {
        !self.connections.borrow().is_empty() || self.dialling.try_lock().is_err()
    }
}
