//! Starting, reloading and stopping.

use crate::{
    access_log::AccessLog,
    collect,
    metrics::Metrics,
    shared::{AcceptFailures, Shared},
    snapshot::Snapshot,
    spec::GatewaySpec,
    upstream::Notices,
    worker::{self, COMMANDS, Command},
};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use plimsoll::{
    driver::Time,
    http::dial::{Dialer, Resolve, SystemResolver},
    telemetry::{RegisterError, Registry},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// Why a gateway does not start, or does not take a new configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Which one.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A worker's thread cannot be started.
    #[error("cannot start a worker: {0}")]
    Thread(#[source] io::Error),
    /// More routes, upstreams and policies than metrics can be kept for.
    #[error("cannot keep metrics for this configuration: {0}")]
    Metrics(#[from] RegisterError),
    /// The access log cannot be opened.
    #[error("cannot open the access log {}: {source}", path.display())]
    AccessLog {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is shutting down.
    #[error("the gateway is draining")]
    Draining,
}

/// A running gateway. Dropped, it stops at once.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
    /// The addresses bound, as asked for and as given (port 0). Also what makes reloads follow one another.
    bound: Mutex<Vec<(SocketAddr, SocketAddr)>>,
}

#[derive(Debug)]
struct Worker {
    commands: mpsc::Sender<Command>,
    thread: Mutex<Option<JoinHandle<io::Result<usize>>>>,
}

impl Gateway {
    /// Binds every listener and starts the workers.
    ///
    /// # Errors
    /// [`StartError::Bind`] with the address where one is in use or not permitted; nothing is left running.
    pub fn start(spec: GatewaySpec) -> Result<Self, StartError> {
        Self::start_with(spec, &mut Vec::new(), Time::TOKIO, Arc::new(SystemResolver))
    }

    /// As [`Self::start`], taking from `inherited` the sockets that are bound to a listener's address already: those
    /// of a service manager, which go on listening while one process follows another. Each is shared by all workers.
    /// Sockets that no listener wants are left in place. Clock, timers and randomness of requests and policies are those of `time`;
    /// the names of endpoints are looked up by `resolver`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(
        spec: GatewaySpec,
        inherited: &mut Vec<TcpListener>,
        time: Time,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, StartError> {
        let count = spec.workers.or_else(|| std::thread::available_parallelism().ok());
        let count = count.map_or(1, NonZeroUsize::get);
        let metrics = Metrics::new(count)?;
        let addresses: Vec<SocketAddr> = spec.listeners.iter().map(|listener| listener.listen).collect();
        let sockets = bind_all(&addresses, count, inherited)?;
        let log = access_log(&spec, &metrics, None)?;
        let notices = Arc::<Notices>::default();
        let snapshot = Snapshot::new(spec, &metrics, &notices, &time, log, None)?;
        let (generations, _) = watch::channel(snapshot.generation);
        let dialer = Dialer::shared(resolver, snapshot.spec.network.dialling());
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            metrics: Arc::new(metrics),
            notices,
            accept_failures: AcceptFailures::default(),
            time,
            dialer,
            clients: Arc::default(),
            strangers: Arc::default(),
            draining: AtomicBool::new(false),
            generations,
        });
        collect::register(&shared, count)?;
        let workers = (0..count).map(|at| spawn(at, count, &shared)).collect::<Result<_, _>>()?;
        let gateway = Self { shared, workers, bound: Mutex::default() };
        gateway.listen(sockets);
        Ok(gateway)
    }

    /// Takes up another configuration, whole or not at all. Machines, buckets and pools that both have keep their state;
    /// no connection is dropped. Gives the number of the configuration. Blocks while sockets are bound: not for async
    /// tasks.
    ///
    /// The number of workers stays as it was at the start.
    ///
    /// # Errors
    /// Where a new listener cannot be bound or the access log not be opened: the old configuration serves on.
    pub fn reload(&self, spec: GatewaySpec) -> Result<u64, StartError> {
        if self.is_draining() {
            return Err(StartError::Draining);
        }
        let mut bound = self.bound.lock();
        let wanted: Vec<SocketAddr> = spec.listeners.iter().map(|listener| listener.listen).collect();
        let is_bound = |address: &SocketAddr| bound.iter().any(|(asked, _)| asked == address);
        let fresh: Vec<SocketAddr> = wanted.iter().filter(|address| !is_bound(address)).copied().collect();
        let sockets = bind_all(&fresh, self.workers.len(), &mut Vec::new())?;
        let old = self.shared.snapshot.load_full();
        let log = access_log(&spec, &self.shared.metrics, old.access_log.as_ref())?;
        let Shared { metrics, notices, time, .. } = &*self.shared;
        let snapshot = Snapshot::new(spec, metrics, notices, time, log, Some(&old))?;
        let generation = snapshot.generation;
        self.shared.dialer.set(snapshot.spec.network.dialling());
        self.shared.snapshot.store(Arc::new(snapshot));
        self.shared.generations.send_replace(generation);
        bound.retain(|(asked, given)| {
            let stays = wanted.contains(asked);
            if !stays {
                self.command(|_| Command::Unlisten(*given));
            }
            stays
        });
        drop(bound);
        self.listen(sockets);
        Ok(generation)
    }

    /// The addresses that are listened on: the real ports where 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let bound = self.bound.lock();
        bound.iter().map(|(_, given)| *given).collect()
    }

    /// Returns the current specification, with the changes made while running.
    pub fn spec(&self) -> Arc<GatewaySpec> {
        Arc::clone(&self.shared.snapshot.load().spec)
    }

    /// Everything that it counts.
    pub fn registry(&self) -> &Registry {
        &self.shared.metrics.registry
    }

    /// Whether it has been told to stop.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Opens the access log's file anew, by its path: for log rotation. Returns at once.
    pub fn reopen_logs(&self) {
        if let Some(log) = &self.shared.snapshot.load().access_log {
            log.reopen();
        }
    }

    /// Stops taking connections, lets what is under way finish within `limit`, and gives how many connections had to be
    /// cut off. Blocks until then.
    pub fn drain(&self, limit: Duration) -> usize {
        self.shared.draining.store(true, Ordering::Relaxed);
        self.command(|_| Command::Drain(limit));
        let join = |worker: &Worker| {
            let thread = worker.thread.lock().take();
            match thread.map(JoinHandle::join) {
                Some(Ok(Ok(cut))) => cut,
                _ => 0,
            }
        };
        let cut = self.workers.iter().map(join).sum();
        if let Some(log) = &self.shared.snapshot.load().access_log {
            log.flush();
        }
        cut
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers.len()
    }

    fn listen(&self, sockets: Vec<Bound>) {
        let mut bound = self.bound.lock();
        for Bound { asked, given, mut sockets } in sockets {
            bound.push((asked, given));
            self.command(|_| {
                let listen = |socket| Command::Listen { listener: asked, bound: given, socket };
                sockets.pop().map_or(Command::Unlisten(given), listen)
            });
        }
    }

    fn command(&self, mut command: impl FnMut(usize) -> Command) {
        for (at, worker) in self.workers.iter().enumerate() {
            // A worker that has ended needs no commands.
            let _ = worker.commands.blocking_send(command(at));
        }
    }
}

/// One address, with a socket for each worker.
struct Bound {
    asked: SocketAddr,
    given: SocketAddr,
    sockets: Vec<TcpListener>,
}

fn spawn(at: usize, of: usize, shared: &Arc<Shared>) -> Result<Worker, StartError> {
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let shared = Arc::clone(shared);
    let thread = std::thread::Builder::new()
        .name(format!("plimsoll-{at}"))
        .spawn(move || worker::run(shared, at, of, inbox))
        .map_err(StartError::Thread)?;
    Ok(Worker { commands, thread: Mutex::new(Some(thread)) })
}

fn bind_all(
    addresses: &[SocketAddr],
    workers: usize,
    inherited: &mut Vec<TcpListener>,
) -> Result<Vec<Bound>, StartError> {
    let bound = |address: &SocketAddr| {
        let own = |socket: &TcpListener| socket.local_addr().is_ok_and(|given| given == *address);
        match inherited.iter().position(own) {
            Some(at) => adopt(*address, inherited.swap_remove(at), workers),
            None => bind(*address, workers),
        }
    };
    addresses.iter().map(bound).collect()
}

/// One socket for all workers: whichever is free takes the connection.
fn adopt(address: SocketAddr, socket: TcpListener, workers: usize) -> Result<Bound, StartError> {
    let failed = |source| StartError::Bind { address, source };
    socket.set_nonblocking(true).map_err(failed)?;
    let mut sockets = vec![socket];
    for _ in 1..workers {
        sockets.push(sockets[0].try_clone().map_err(failed)?);
    }
    Ok(Bound { asked: address, given: address, sockets })
}

/// The log that `spec` asks for: the one that is open, if it has the same target.
fn access_log(
    spec: &GatewaySpec,
    metrics: &Metrics,
    old: Option<&Arc<AccessLog>>,
) -> Result<Option<Arc<AccessLog>>, StartError> {
    let Some(wanted) = &spec.access_log else { return Ok(None) };
    let opened = AccessLog::open(wanted, &metrics.registry, old).map_err(|source| StartError::AccessLog {
        path: wanted.path.clone().unwrap_or_else(|| PathBuf::from("standard output")),
        source,
    })?;
    Ok(Some(Arc::new(opened)))
}

fn bind(asked: SocketAddr, workers: usize) -> Result<Bound, StartError> {
    let failed = |source| StartError::Bind { address: asked, source };
    if asked.port() != 0 {
        // With SO_REUSEPORT a second gateway of the same user would share the port in silence. A socket without it
        // finds out.
        drop(socket(asked, false).map_err(failed)?);
    }
    let first = socket(asked, true).map_err(failed)?;
    let given = first.local_addr().map_err(failed)?;
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(socket(given, true).map_err(failed)?);
    }
    Ok(Bound { asked, given, sockets })
}

/// Connections that wait to be accepted; the kernel has a bound of its own besides.
const BACKLOG: i32 = 4096;

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
