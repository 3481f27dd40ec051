//! The state of a worker, which it shares with nobody.

use super::{lag::Lag, lingering::Lingering, unsent::Unsent};
use crate::{
    h1::{Drain, HeadLimits, server::ServerConfig},
    proxy::Proxy,
    shared::Shared,
    snapshot::Snapshot,
    spec::LimitsSpec,
    upstream::connect::Connections,
};
use plimsoll::{driver::Time, policy::Instant};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// A worker's own things. Lives on its thread.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) proxy: Proxy,
    /// The bytes held for HTTP/2 clients that have not read them.
    pub(super) unsent: Rc<Unsent>,
    /// How many workers there are.
    pub(super) of: usize,
    pub(super) drain: Rc<Drain>,
    /// Connections of clients on this worker, tunnels too.
    open: Cell<usize>,
    lag: Lag,
    /// Whether it is the one that tells what has gathered.
    tells: bool,
    pub(super) lingering: Lingering,
    idle: tokio::sync::Notify,
    server: RefCell<(u64, Rc<ServerConfig>)>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, at: usize, of: usize) -> Rc<Self> {
        let lag = Lag::new(&shared.metrics, at);
        let proxy = Proxy {
            connections: Connections::new(shared.dialer.clone()),
            metrics: Arc::clone(&shared.metrics),
            strangers: Arc::clone(&shared.strangers),
            time: shared.time.clone(),
        };
        let snapshot = shared.snapshot.load();
        let server = (snapshot.generation, Rc::new(server_config(&snapshot.spec.limits)));
        drop(snapshot);
        Rc::new(Self {
            shared,
            lag,
            tells: at == 0,
            proxy,
            unsent: Rc::default(),
            of,
            drain: Drain::new(),
            open: Cell::new(0),
            lingering: Lingering::default(),
            idle: tokio::sync::Notify::new(),
            server: RefCell::new(server),
        })
    }

    /// Clock, timers and randomness of requests and policies.
    pub(super) fn time(&self) -> &Time {
        &self.shared.time
    }

    /// The time now.
    pub(super) fn now(&self) -> Instant {
        self.shared.time.now()
    }

    /// The limits of connections under this snapshot, made once for each.
    pub(super) fn server_config(&self, snapshot: &Snapshot) -> Rc<ServerConfig> {
        let mut server = self.server.borrow_mut();
        if server.0 != snapshot.generation {
            *server = (snapshot.generation, Rc::new(server_config(&snapshot.spec.limits)));
        }
        Rc::clone(&server.1)
    }

    /// Counts a connection until the guard is dropped.
    pub(super) fn opened(self: &Rc<Self>) -> Open {
        self.open.set(self.open.get() + 1);
        self.shared.metrics.connections.inc();
        Open(Rc::clone(self))
    }

    /// The pulse came late by this much.
    pub(super) fn felt_pulse(&self, late: Duration) {
        self.lag.felt(late, &self.shared.snapshot.load());
    }

    /// Connections that are open.
    pub(super) fn open_connections(&self) -> usize {
        self.open.get()
    }

    /// Waits until no connection is open.
    pub(super) async fn emptied(&self) {
        while self.open.get() > 0 {
            self.idle.notified().await;
        }
    }

    /// Lets go of connections to endpoints that are not needed any more, and tells what has gathered.
    pub(super) fn sweep(&self) {
        let snapshot = self.shared.snapshot.load();
        self.proxy.connections.sweep(snapshot.upstreams.values().map(Arc::as_ref));
        if self.tells {
            let now = self.now();
            let shared = &self.shared;
            shared.notices.log_repeats(now, |endpoint| {
                snapshot.upstreams.get(&endpoint.upstream)?.is_ejected(endpoint.id, now)
            });
            shared.accept_failures.log_repeats(now);
            for policy in snapshot.policies.values() {
                policy.driver().observer().log_repeats(now);
            }
        }
    }
}

/// A connection that counts.
pub(super) struct Open(Rc<Worker>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.shared.metrics.connections.dec();
        if self.0.open.get() == 0 {
            self.0.idle.notify_one();
        }
    }
}

fn server_config(limits: &LimitsSpec) -> ServerConfig {
    ServerConfig {
        limits: HeadLimits {
            bytes: limits.head,
            fields: limits.fields,
            target: limits.target,
            trailer_bytes: limits.trailers,
            trailer_fields: limits.fields,
        },
        body: limits.body,
        write_stall: limits.write_time,
        write_rate: limits.min_rate,
        ..ServerConfig::default()
    }
}
