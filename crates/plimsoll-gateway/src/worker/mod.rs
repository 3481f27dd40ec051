//! A worker: one thread, one single-threaded runtime, its own sockets, pools and connections.
//!
//! Workers share nothing that is written often: policies by atomics, the configuration by one atomic load, counters by
//! a shard each.

mod accept;
mod answering;
mod clients;
mod connection;
mod cut;
mod http1;
mod http2;
mod lag;
mod tunnel;

pub(crate) use clients::Clients;
pub(crate) use cut::is_cut;
pub(crate) use http2::Lease;
pub(crate) use tunnel::TunnelEnd;

use crate::{
    h1::{Drain, HeadLimits, server::ServerConfig},
    metrics::Metrics,
    notices::Notices,
    pool::Pools,
    snapshot::Snapshot,
    spec::{Address, LimitsSpec},
};
use arc_swap::ArcSwap;
use http2::{Http2Pools, Unsent};
use lag::Lag;
use plimsoll::{
    driver::{Time, now},
    http::{dial::Dialer, headers::Strangers},
    policy::Instant,
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::{
    runtime::LocalOptions,
    sync::{mpsc, watch},
    task::AbortHandle,
};

/// The state that all workers and the control plane share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) metrics: Metrics,
    pub(crate) notices: Arc<Notices>,
    /// Clock, timers and randomness of requests and policies.
    pub(crate) time: Time,
    /// Connections to endpoints, of requests and of health checks.
    pub(crate) dialer: Dialer,
    pub(crate) clients: Clients,
    /// Peers that say for whom they ask, and that nobody trusts.
    pub(crate) strangers: Strangers,
    pub(crate) draining: AtomicBool,
    /// Tells of every snapshot that is put in force, by its generation.
    pub(crate) generations: watch::Sender<u64>,
}

/// A command to a worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take connections from this socket of the listener with this address, which is bound to that one.
    Listen { listener: SocketAddr, bound: SocketAddr, socket: std::net::TcpListener },
    /// Take no more from it.
    Unlisten(SocketAddr),
    /// Finish what is under way, within this time, and end.
    Drain(Duration),
}

/// How many commands may wait for a worker.
pub(crate) const COMMANDS: usize = 64;

/// How often idle connections to endpoints are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// A worker's own things. Lives on its thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pools: Pools,
    pub(crate) http2: Http2Pools,
    /// The bytes held for HTTP/2 clients that have not read them.
    pub(crate) unsent: Rc<Unsent>,
    /// How many workers there are.
    pub(crate) of: usize,
    pub(crate) drain: Rc<Drain>,
    /// Connections of clients on this worker, tunnels too.
    pub(crate) open: Cell<usize>,
    lag: Lag,
    /// Whether it is the one that tells what has gathered.
    tells: bool,
    idle: tokio::sync::Notify,
    server: RefCell<(u64, Rc<ServerConfig>)>,
}

impl Worker {
    fn new(shared: Arc<Shared>, at: usize, of: usize) -> Rc<Self> {
        let lag = Lag::new(&shared.metrics, at);
        let snapshot = shared.snapshot.load();
        let server = (snapshot.generation, Rc::new(server_config(&snapshot.spec.limits)));
        drop(snapshot);
        Rc::new(Self {
            shared,
            lag,
            tells: at == 0,
            pools: Pools::default(),
            http2: Http2Pools::default(),
            unsent: Rc::default(),
            of,
            drain: Drain::new(),
            open: Cell::new(0),
            idle: tokio::sync::Notify::new(),
            server: RefCell::new(server),
        })
    }

    /// Clock, timers and randomness of requests and policies.
    pub(crate) fn time(&self) -> &Time {
        &self.shared.time
    }

    /// The time now.
    pub(crate) fn now(&self) -> Instant {
        self.shared.time.now()
    }

    /// The limits of connections under this snapshot, made once for each.
    pub(crate) fn server_config(&self, snapshot: &Snapshot) -> Rc<ServerConfig> {
        let mut server = self.server.borrow_mut();
        if server.0 != snapshot.generation {
            *server = (snapshot.generation, Rc::new(server_config(&snapshot.spec.limits)));
        }
        Rc::clone(&server.1)
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn opened(self: &Rc<Self>) -> Open {
        self.open.set(self.open.get() + 1);
        self.shared.metrics.connections.inc();
        Open(Rc::clone(self))
    }

    fn sweep(&self) {
        let snapshot = self.shared.snapshot.load();
        let upstreams = snapshot.upstreams.values();
        let live: HashMap<u64, &Address> = upstreams
            .flat_map(|upstream| upstream.endpoints.iter().map(|endpoint| (endpoint.id, &endpoint.address)))
            .collect();
        // Has names looked up again whose time is over: while connections are kept, nobody else may ask for them.
        let addresses =
            |endpoint: u64| live.get(&endpoint).and_then(|at| self.shared.dialer.addresses(at.host()));
        self.pools.sweep(now(), |endpoint| live.contains_key(&endpoint), addresses);
        self.http2.sweep(now(), |endpoint| live.contains_key(&endpoint), addresses);
        if self.tells {
            self.shared.notices.look(&snapshot, self.now());
        }
    }
}

/// A connection that counts.
pub(crate) struct Open(Rc<Worker>);

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

/// Runs one `of` so many workers on this thread until it is told to drain and has. Gives how many connections were cut off.
pub(crate) fn run(
    shared: Arc<Shared>,
    at: usize,
    of: usize,
    commands: mpsc::Receiver<Command>,
) -> std::io::Result<usize> {
    plimsoll::telemetry::shard::own();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    // Connections that are still open end with the runtime, their calls settled as cancelled.
    Ok(runtime.block_on(work(Worker::new(shared, at, of), commands)))
}

async fn work(worker: Rc<Worker>, mut commands: mpsc::Receiver<Command>) -> usize {
    let mut listeners: Vec<(SocketAddr, AbortHandle)> = Vec::new();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut pulse = tokio::time::interval(lag::PULSE);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let limit = loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Listen { listener, bound, socket }) => match tokio::net::TcpListener::from_std(socket) {
                    Ok(socket) => {
                        let task = tokio::task::spawn_local(accept::accept(Rc::clone(&worker), socket, listener));
                        listeners.push((bound, task.abort_handle()));
                    }
                    Err(error) => tracing::error!(address = %bound, %error, "cannot listen"),
                },
                Some(Command::Unlisten(address)) => listeners.retain(|(bound, task)| {
                    let stays = *bound != address;
                    if !stays {
                        task.abort();
                    }
                    stays
                }),
                Some(Command::Drain(limit)) => break limit,
                None => break Duration::ZERO,
            },
            _ = sweep.tick() => worker.sweep(),
            due = pulse.tick() => worker.lag.felt(due.elapsed(), &worker.shared.snapshot.load()),
        }
    };
    for (_, task) in &listeners {
        task.abort();
    }
    worker.drain.begin();
    let emptied = async {
        while worker.open.get() > 0 {
            worker.idle.notified().await;
        }
    };
    let _ = tokio::time::timeout(limit, emptied).await;
    cut::begin();
    worker.open.get()
}
