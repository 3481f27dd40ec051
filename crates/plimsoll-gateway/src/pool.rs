//! Kept connections to endpoints: one pool for each worker and endpoint, nothing shared, nothing locked.

use crate::{
    h1::client::{ClientConfig, ClientConn, Hook},
    metrics::UpstreamMetrics,
    proxy::Upload,
    spec::PoolSpec,
};
use plimsoll::Instant;
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    fmt,
    net::IpAddr,
    rc::Rc,
};
use tokio::net::TcpStream;

pub(crate) type Connection = ClientConn<TcpStream, Upload>;

/// A worker's pools, by the endpoint's id.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    by_endpoint: RefCell<HashMap<u64, Rc<Pool>, ahash::RandomState>>,
}

/// Kept connections to one endpoint, the last used first: the others grow old and go.
pub(crate) struct Pool {
    idle: RefCell<VecDeque<Kept>>,
    spec: Cell<PoolSpec>,
    metrics: UpstreamMetrics,
    config: Rc<ClientConfig>,
    hook: RefCell<Option<Hook<TcpStream, Upload>>>,
}

struct Kept {
    connection: Connection,
    since: Instant,
}

impl Pools {
    /// The pool of this endpoint, made when first asked for.
    pub(crate) fn of(&self, endpoint: u64, spec: PoolSpec, metrics: &UpstreamMetrics) -> Rc<Pool> {
        let mut pools = self.by_endpoint.borrow_mut();
        let pool = pools.entry(endpoint).or_insert_with(|| Pool::new(spec, metrics.clone()));
        pool.spec.set(spec);
        Rc::clone(pool)
    }

    /// Lets go of what has been idle for too long, was closed by its endpoint or goes to an address that is not among the
    /// endpoint's `addresses` any more (where these are known), and of the pools of endpoints that are not among `live`.
    pub(crate) fn sweep(
        &self,
        now: Instant,
        live: impl Fn(u64) -> bool,
        addresses: impl Fn(u64) -> Option<Vec<IpAddr>>,
    ) {
        self.by_endpoint.borrow_mut().retain(|endpoint, pool| {
            if !pool.is_empty() {
                pool.sweep(now, addresses(*endpoint).as_deref());
            }
            live(*endpoint)
        });
    }
}

impl Pool {
    fn new(spec: PoolSpec, metrics: UpstreamMetrics) -> Rc<Self> {
        let pool = Rc::new(Self {
            idle: RefCell::default(),
            spec: Cell::new(spec),
            metrics,
            config: Rc::default(),
            hook: RefCell::default(),
        });
        let weak = Rc::downgrade(&pool);
        let keep = move |connection| {
            if let Some(pool) = weak.upgrade() {
                pool.put(connection);
            }
        };
        *pool.hook.borrow_mut() = Some(Rc::new(keep));
        pool
    }

    /// A connection that is fit for use, if one is kept.
    pub(crate) fn take(&self) -> Option<Connection> {
        loop {
            let kept = self.idle.borrow_mut().pop_back()?;
            self.metrics.idle.dec();
            if kept.connection.is_reusable() {
                return Some(kept.connection);
            }
        }
    }

    /// A connection just made, which will come back here after use.
    pub(crate) fn adopt(&self, socket: TcpStream) -> Connection {
        ClientConn::new(socket, Rc::clone(&self.config), self.hook.borrow().clone())
    }

    fn put(&self, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= self.spec.get().idle {
            return;
        }
        self.metrics.idle.inc();
        idle.push_back(Kept { connection, since: plimsoll::tower::driver::now() });
    }

    fn is_empty(&self) -> bool {
        self.idle.borrow().is_empty()
    }

    fn sweep(&self, now: Instant, addresses: Option<&[IpAddr]>) {
        let mut idle = self.idle.borrow_mut();
        let before = idle.len();
        let most = self.spec.get().idle_time;
        let is_gone = |kept: &Kept| {
            let peer = || kept.connection.with_io(|io| io.peer_addr().ok()).flatten();
            addresses.is_some_and(|addresses| peer().is_none_or(|peer| !addresses.contains(&peer.ip())))
        };
        idle.retain(|kept| now.since(kept.since) < most && kept.connection.is_reusable() && !is_gone(kept));
        (idle.len()..before).for_each(|_| self.metrics.idle.dec());
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.idle.borrow().iter().for_each(|_| self.metrics.idle.dec());
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.idle.borrow().len()).finish_non_exhaustive()
    }
}
