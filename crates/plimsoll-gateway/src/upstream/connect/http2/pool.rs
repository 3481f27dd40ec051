use super::{
    super::{ConnectError, age::Births, dial},
    StreamPermit,
    connection::Connection,
};
use crate::{
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
pub(super) struct Http2Pool {
    spec: Cell<PoolSpec>,
    /// In the order in which they were made: the first with room is used, so that the last become idle.
    connections: RefCell<Vec<Rc<Connection>>>,
    births: Births,
    dialling: Mutex<()>,
    free: Rc<Notify>,
}

impl Http2Pool {
    pub(super) fn set_spec(&self, spec: PoolSpec) {
        self.spec.set(spec);
    }

    /// A permit on a connection that has room and takes what is sent.
    pub(super) fn pick(&self, uploads: bool) -> Option<StreamPermit> {
        let spec = self.spec.get();
        let connections = self.connections.borrow();
        let fit = |connection: &&Rc<Connection>| {
            connection.is_usable(&spec) && connection.has_room(&spec) && !connection.is_stalled(uploads)
        };
        connections.iter().find(fit).map(|connection| StreamPermit::new(connection, &self.free))
    }

    /// As [`Self::pick`], or on a connection that is made for it. Where no more may be made, also on one that is stalled,
    /// and else on the first that has room again within [`FULL`].
    pub(super) async fn wait_or_dial(
        &self,
        dialer: &Dialer,
        upstream: &Upstream,
        endpoint: &Endpoint,
        uploads: bool,
    ) -> Result<StreamPermit, ConnectError> {
        let limit = tokio::time::Instant::now() + FULL;
        loop {
            let mut freed = pin!(self.free.notified());
            freed.as_mut().enable();
            {
                let _dialling = self.dialling.lock().await;
                if let Some(permit) = self.pick(uploads) {
                    return Ok(permit);
                }
                let spec = self.spec.get();
                self.forget(&spec);
                if self.connections.borrow().len() < spec.connections.get() as usize {
                    return self.dial(dialer, upstream, endpoint).await;
                }
                let connections = self.connections.borrow();
                let room = connections.iter().filter(|connection| connection.has_room(&spec));
                if let Some(least) = room.min_by_key(|connection| connection.streams()) {
                    return Ok(StreamPermit::new(least, &self.free));
                }
            }
            if timeout_at(limit, freed).await.is_err() {
                return Err(ConnectError::Full);
            }
        }
    }

    async fn dial(
        &self,
        dialer: &Dialer,
        upstream: &Upstream,
        endpoint: &Endpoint,
    ) -> Result<StreamPermit, ConnectError> {
        let connected = dial(dialer, &endpoint.address).await;
        let socket =
            connected.inspect_err(|_| upstream.metrics.connect_failed.inc()).map_err(ConnectError::Failed)?;
        let shaken = Connection::new(socket, &self.spec.get(), self.births.now(driver::now())).await;
        let connection = shaken.map_err(|error| ConnectError::Failed(io::Error::other(error)))?;
        upstream.metrics.connected.inc();
        let connection = Rc::new(connection);
        let permit = StreamPermit::new(&connection, &self.free);
        self.connections.borrow_mut().push(connection);
        // Others may have waited for a stream rather than for the connection.
        self.free.notify_waiters();
        Ok(permit)
    }

    /// Forgets connections that take no new requests; they end with the requests that they have.
    fn forget(&self, spec: &PoolSpec) {
        self.connections.borrow_mut().retain(|connection| connection.is_usable(spec));
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
