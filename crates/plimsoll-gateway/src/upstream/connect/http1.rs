//! Kept connections of HTTP/1.1: one pool for each worker and endpoint.

use super::{
    Http1Connection,
    age::{Birth, Births},
};
use crate::{
    h1::{
        HeadLimits,
        client::{ClientConfig, ClientConn, Hook},
    },
    metrics::UpstreamMetrics,
    spec::{PoolSpec, ResponseSpec, UpstreamSpec},
};
use bytes::Bytes;
use http_body::Body;
use plimsoll::{driver, policy::Instant};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    fmt,
    net::IpAddr,
    rc::{Rc, Weak},
};
use tokio::net::TcpStream;

/// The HTTP/1.1 pools of a worker, by the endpoint's id.
#[derive(Debug)]
pub(super) struct Http1Pools<B> {
    by_endpoint: RefCell<HashMap<u64, Rc<Http1Pool<B>>, ahash::RandomState>>,
}

impl<B> Default for Http1Pools<B> {
    fn default() -> Self {
        Self { by_endpoint: RefCell::default() }
    }
}

/// Kept connections to one endpoint, the last used first: the others grow old and go.
pub(crate) struct Http1Pool<B> {
    idle: RefCell<VecDeque<Kept<B>>>,
    spec: Cell<PoolSpec>,
    metrics: UpstreamMetrics,
    response: Cell<ResponseSpec>,
    config: RefCell<Rc<ClientConfig>>,
    hook: RefCell<Option<Hook<TcpStream, B>>>,
    births: Births,
}

struct Kept<B> {
    connection: Http1Connection<B>,
    /// When the pool was first looked through since it came back: it may stay for up to a second longer, and no clock is
    /// read for each request.
    since: Option<Instant>,
    birth: Option<Birth>,
}

impl<B> Kept<B> {
    fn is_aged(&self, now: Instant, spec: PoolSpec) -> bool {
        spec.age.zip(self.birth).is_some_and(|(age, birth)| birth.is_over(now, age))
    }
}

impl<B> Http1Pools<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
{
    /// The pool of this endpoint, made when first asked for.
    pub(super) fn of(
        &self,
        endpoint: u64,
        spec: &UpstreamSpec,
        metrics: &UpstreamMetrics,
    ) -> Rc<Http1Pool<B>> {
        let mut pools = self.by_endpoint.borrow_mut();
        let pool = pools.entry(endpoint).or_insert_with(|| Http1Pool::new(spec, metrics.clone()));
        pool.spec.set(spec.pool);
        if pool.response.get() != spec.response {
            pool.response.set(spec.response);
            pool.config.replace(config(&spec.response));
        }
        Rc::clone(pool)
    }

    /// Lets go of what has been idle for too long, was closed by its endpoint or goes to an address that is not among the
    /// endpoint's `addresses` any more (where these are known), and of the pools of endpoints that are not among `live`.
    pub(super) fn sweep(
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
fn keep<B>(pool: Weak<Http1Pool<B>>, birth: Option<Birth>) -> Hook<TcpStream, B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
{
    Rc::new(move |connection| {
        if let Some(pool) = pool.upgrade() {
            pool.put(connection, birth);
        }
    })
}

impl<B> Http1Pool<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
{
    fn new(spec: &UpstreamSpec, metrics: UpstreamMetrics) -> Rc<Self> {
        let pool = Rc::new(Self {
            idle: RefCell::default(),
            spec: Cell::new(spec.pool),
            metrics,
            response: Cell::new(spec.response),
            config: RefCell::new(config(&spec.response)),
            hook: RefCell::default(),
            births: Births::default(),
        });
        let weak = Rc::downgrade(&pool);
        *pool.hook.borrow_mut() = Some(keep(weak, None));
        pool
    }

    /// A connection that is fit for use, if one is kept.
    pub(crate) fn take(&self) -> Option<Http1Connection<B>> {
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
    pub(super) fn adopt(self: &Rc<Self>, socket: TcpStream) -> Http1Connection<B> {
        let hook = match self.spec.get().age {
            // The hook that all share keeps no date.
            Some(_) => Some(keep(Rc::downgrade(self), Some(self.births.now(driver::now())))),
            None => self.hook.borrow().clone(),
        };
        ClientConn::new(socket, Rc::clone(&self.config.borrow()), hook)
    }

    fn put(&self, connection: Http1Connection<B>, birth: Option<Birth>) {
        let spec = self.spec.get();
        if spec.requests.is_some_and(|most| connection.exchanges() >= most.get()) {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= spec.idle {
            return;
        }
        let kept = Kept { connection, since: None, birth };
        if birth.is_none() || !kept.is_aged(driver::now(), spec) {
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
        let is_gone = |kept: &Kept<B>| {
            let peer = || kept.connection.with_io(|io| io.peer_addr().ok()).flatten();
            addresses.is_some_and(|addresses| peer().is_none_or(|peer| !addresses.contains(&peer.ip())))
        };
        idle.retain_mut(|kept| {
            let since = *kept.since.get_or_insert(now);
            now.since(since) < spec.idle_time
                && !kept.is_aged(now, spec)
                && kept.connection.is_reusable()
                && !is_gone(kept)
        });
        (idle.len()..before).for_each(|_| self.metrics.idle.dec());
    }
}

/// The limits of responses for new connections.
fn config(spec: &ResponseSpec) -> Rc<ClientConfig> {
    let limits = HeadLimits {
        bytes: spec.head,
        fields: spec.fields,
        trailer_bytes: spec.trailers,
        trailer_fields: spec.fields,
        ..HeadLimits::default()
    };
    Rc::new(ClientConfig { limits, interims: spec.interim })
}

impl<B> Drop for Http1Pool<B> {
    fn drop(&mut self) {
        self.idle.borrow().iter().for_each(|_| self.metrics.idle.dec());
    }
}

impl<B> fmt::Debug for Http1Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1Pool").field("idle", &self.idle.borrow().len()).finish_non_exhaustive()
    }
}
