//! Kept connections to endpoints: one pool for each worker and endpoint, nothing shared, nothing locked.
//!
//! hyper-util's pool is behind one mutex for all threads and bounds only idle connections and their idle time; this one
//! also bounds the age and the requests of a connection.

mod birth;

pub(crate) use birth::{Birth, Births};

use crate::{
    h1::{
        HeadLimits,
        client::{ClientConfig, ClientConn, Hook},
    },
    metrics::UpstreamMetrics,
    proxy::Upload,
    spec::{AnswerSpec, PoolSpec, UpstreamSpec},
};
use plimsoll::{driver, policy::Instant};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    fmt,
    net::IpAddr,
    rc::{Rc, Weak},
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
    answer: Cell<AnswerSpec>,
    config: RefCell<Rc<ClientConfig>>,
    hook: RefCell<Option<Hook<TcpStream, Upload>>>,
    births: Births,
}

struct Kept {
    connection: Connection,
    since: Instant,
    birth: Option<Birth>,
}

impl Kept {
    fn is_aged(&self, now: Instant, spec: PoolSpec) -> bool {
        spec.age.zip(self.birth).is_some_and(|(age, birth)| birth.is_over(now, age))
    }
}

impl Pools {
    /// The pool of this endpoint, made when first asked for.
    pub(crate) fn of(&self, endpoint: u64, spec: &UpstreamSpec, metrics: &UpstreamMetrics) -> Rc<Pool> {
        let mut pools = self.by_endpoint.borrow_mut();
        let pool = pools.entry(endpoint).or_insert_with(|| Pool::new(spec, metrics.clone()));
        pool.spec.set(spec.pool);
        if pool.answer.get() != spec.answer {
            pool.answer.set(spec.answer);
            pool.config.replace(config(&spec.answer));
        }
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

/// Brings a connection back to its pool after each exchange.
fn keep(pool: Weak<Pool>, birth: Option<Birth>) -> Hook<TcpStream, Upload> {
    Rc::new(move |connection| {
        if let Some(pool) = pool.upgrade() {
            pool.put(connection, birth);
        }
    })
}

impl Pool {
    fn new(spec: &UpstreamSpec, metrics: UpstreamMetrics) -> Rc<Self> {
        let pool = Rc::new(Self {
            idle: RefCell::default(),
            spec: Cell::new(spec.pool),
            metrics,
            answer: Cell::new(spec.answer),
            config: RefCell::new(config(&spec.answer)),
            hook: RefCell::default(),
            births: Births::default(),
        });
        let weak = Rc::downgrade(&pool);
        *pool.hook.borrow_mut() = Some(keep(weak, None));
        pool
    }

    /// A connection that is fit for use, if one is kept.
    pub(crate) fn take(&self) -> Option<Connection> {
        loop {
            let kept = self.idle.borrow_mut().pop_back()?;
            self.metrics.idle.dec();
            // Only where an age is set is the clock asked.
            let aged = kept.birth.is_some() && kept.is_aged(driver::now(), self.spec.get());
            if !aged && kept.connection.is_reusable() {
                return Some(kept.connection);
            }
        }
    }

    /// A connection just made, which will come back here after use.
    pub(crate) fn adopt(self: &Rc<Self>, socket: TcpStream) -> Connection {
        let hook = match self.spec.get().age {
            // The hook that all share keeps no date.
            Some(_) => Some(keep(Rc::downgrade(self), Some(self.births.now(driver::now())))),
            None => self.hook.borrow().clone(),
        };
        ClientConn::new(socket, Rc::clone(&self.config.borrow()), hook)
    }

    fn put(&self, connection: Connection, birth: Option<Birth>) {
        let spec = self.spec.get();
        if spec.requests.is_some_and(|most| connection.exchanges() >= most.get()) {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= spec.idle {
            return;
        }
        let kept = Kept { connection, since: driver::now(), birth };
        if !kept.is_aged(kept.since, spec) {
            self.metrics.idle.inc();
            idle.push_back(kept);
        }
    }

    fn is_empty(&self) -> bool {
        self.idle.borrow().is_empty()
    }

    fn sweep(&self, now: Instant, addresses: Option<&[IpAddr]>) {
        let mut idle = self.idle.borrow_mut();
        let before = idle.len();
        let spec = self.spec.get();
        let is_gone = |kept: &Kept| {
            let peer = || kept.connection.with_io(|io| io.peer_addr().ok()).flatten();
            addresses.is_some_and(|addresses| peer().is_none_or(|peer| !addresses.contains(&peer.ip())))
        };
        idle.retain(|kept| {
            now.since(kept.since) < spec.idle_time
                && !kept.is_aged(now, spec)
                && kept.connection.is_reusable()
                && !is_gone(kept)
        });
        (idle.len()..before).for_each(|_| self.metrics.idle.dec());
    }
}

/// The limits of responses for new connections.
fn config(answer: &AnswerSpec) -> Rc<ClientConfig> {
    let limits = HeadLimits {
        bytes: answer.head,
        fields: answer.fields,
        trailer_bytes: answer.trailers,
        trailer_fields: answer.fields,
        ..HeadLimits::default()
    };
    Rc::new(ClientConfig { limits, interims: answer.interim })
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
