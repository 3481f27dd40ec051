use super::{
    AdminToken, Limits, Listen, LogFilter, ServeError, TimeLimit, WhenFull,
    accept::{AcceptFailures, Acceptor, Ending, before_waiting, slots},
    admin,
    connection::ConnectionConfig,
    edge::Edge,
    metrics::{self, ConnectionMetrics},
    record::{Names, Record},
    signals::{Signal, Signals},
    stack::{Guards, Plan},
};
use crate::{
    boundary::BoundaryLayer,
    headers::TrustedProxy,
    inbound::{ClientLayer, DeadlineRules, RequestIdLayer, TraceLayer, monitor_lag},
    observe,
};
use axum::Router;
use plimsoll_task::{
    drain::{CancellationToken, Drain, Phase},
    supervise::{Escalation, Supervisor},
};
use plimsoll_telemetry::Registry;
use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Instant};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

/// Connections to the admin address: strangers must not keep out whoever probes, or has the token.
fn admin_limits(limits: &Limits) -> Limits {
    Limits {
        connections: NonZeroU32::new(64),
        connections_per_client: NonZeroU32::new(32),
        when_full: WhenFull::MakeRoom,
        keep_alive: limits.keep_alive,
        ..Limits::default()
    }
}

/// All settings of a server.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) app: Router,
    pub(super) listens: Vec<Listen>,
    pub(super) admin: Option<Listen>,
    pub(super) token: Option<AdminToken>,
    pub(super) log: Option<LogFilter>,
    pub(super) conditions: Vec<admin::Condition>,
    pub(super) limits: Limits,
    pub(super) deadline: DeadlineRules,
    pub(super) trusted: Vec<TrustedProxy>,
    pub(super) ids: RequestIdLayer,
    pub(super) edge: Edge,
    pub(super) traces: TraceLayer,
    /// Whether each request is a line in the log.
    pub(super) request_log: bool,
    pub(super) registry: Registry,
    pub(super) drain: Drain,
    pub(super) notice: Option<TimeLimit>,
    pub(super) signals: bool,
}

impl Settings {
    pub(super) fn new(app: Router) -> Self {
        Self {
            app,
            listens: Vec::new(),
            admin: None,
            token: None,
            log: None,
            conditions: Vec::new(),
            limits: Limits::default(),
            deadline: DeadlineRules::default(),
            trusted: Vec::new(),
            ids: RequestIdLayer::new(),
            edge: Edge::default(),
            traces: TraceLayer::new(),
            request_log: true,
            registry: Registry::global().clone(),
            drain: Drain::default(),
            notice: Some(TimeLimit::seconds(3)),
            signals: true,
        }
    }
}

/// A server whose addresses are bound. See [`Server::bind`](super::Server::bind).
#[derive(Debug)]
#[must_use = "a server serves when it is run"]
pub struct Bound {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    admin: Option<(TcpListener, SocketAddr)>,
    signals: Option<Signals>,
    settings: Settings,
    boundary: BoundaryLayer,
}

impl Bound {
    pub(super) async fn new(mut settings: Settings, boundary: BoundaryLayer) -> Result<Self, ServeError> {
        if settings.listens.is_empty() {
            return Err(ServeError::Nowhere);
        }
        let boundary = boundary.counted(&settings.registry)?;
        let mut listeners = Vec::new();
        for listen in std::mem::take(&mut settings.listens) {
            listeners.push(listen.bind().await?);
        }
        let admin = match settings.admin.take() {
            Some(listen) => {
                let listener = listen.bind().await?;
                let address = address(&listener)?;
                if settings.token.is_none() && !address.ip().to_canonical().is_loopback() {
                    return Err(ServeError::AdminWithoutToken(address));
                }
                Some((listener, address))
            }
            None => None,
        };
        let addresses = listeners.iter().map(address).collect::<Result<_, _>>()?;
        // From now on no signal is lost, even if it comes before the server runs.
        let signals = if settings.signals { Some(Signals::new()?) } else { None };
        Ok(Self { listeners, addresses, admin, signals, settings, boundary })
    }

    /// Where it listens, in the order of the calls to [`Server::on`](super::Server::on).
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where its admin answers.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }

    /// The drain that it goes down by: to register in, and to begin it from inside ([`Drain::request`]).
    pub fn drain_handle(&self) -> Drain {
        self.settings.drain.clone()
    }

    /// Serves until a signal comes or the drain is [requested](Drain::request), then drains. See the [module](super).
    ///
    /// Dropped, it cuts off all connections at once.
    ///
    /// # Errors
    /// [`ServeError::CutShort`]; [`ServeError::Metrics`] where the registry is full, [`ServeError::Drain`] where the drain is
    /// full or under way.
    pub async fn run(self) -> Result<(), ServeError> {
        let Self { listeners, addresses, admin, mut signals, settings, boundary } = self;
        let drain = settings.drain.clone();
        let cut = CancellationToken::new();
        // Dropped at any point, nothing of it goes on.
        let _guard = cut.clone().drop_guard();
        let mut tasks = JoinSet::new();
        let guards = Guards::new(&settings.limits);
        let clients = ClientLayer::trusting(settings.trusted.iter().copied());
        let strangers = Arc::clone(clients.strangers());
        let names = Names { traces: settings.traces, ids: settings.ids, clients };
        let record = Record::new(&settings.registry, names, settings.request_log)?;
        if let Some((listener, address)) = admin {
            tracing::info!(%address, "the admin listens");
            let standing = admin::AdminState {
                registry: settings.registry.clone(),
                draining: settings.drain.requested().clone(),
                conditions: settings.conditions.clone().into(),
                strangers: Arc::clone(&strangers),
                own: Arc::new(admin::ServerPolicy::new(&settings.limits, guards.clone())),
                log: settings.log.clone().or_else(LogFilter::of_process),
                began: Instant::now(),
                listeners: addresses.clone(),
            };
            let acceptor = admin_acceptor(&settings, standing, cut.clone())?;
            tasks.spawn(acceptor.accept(listener, None));
        }
        // Where one of these falls too often, the log says so, and requests are served all the same.
        let mut beside = Supervisor::new("server").escalation(Escalation::Log);
        beside = beside.child("lock watch", |_| observe::watch());
        if let Some(shedder) = guards.feels_lag() {
            let lag = metrics::lag(&settings.registry)?;
            beside = beside.child("lag probe", move |_| {
                let lag = lag.clone();
                monitor_lag(Arc::clone(&shedder), move |late| lag.record_duration(late))
            });
        }
        let _measured = observe::tasks(&settings.registry)?;
        let _supervised = observe::supervisor(&settings.registry, &beside.stats())?;
        tasks.spawn(async { drop(beside.run().await) });
        let plan = Plan {
            app: settings.app,
            boundary,
            deadline: settings.deadline,
            edge: settings.edge,
            record,
            guards,
            limits: settings.limits.clone(),
        };
        let config = Arc::new(ConnectionConfig::new(&settings.limits));
        let _watched = metrics::watch(&settings.registry, &plan.guards, &strangers, config.unsent())?;
        let acceptor = Acceptor {
            service: plan.build(),
            config,
            slots: slots(&settings.limits),
            metrics: ConnectionMetrics::new(&settings.registry, "app")?,
            ending: Ending {
                closed: drain.token(Phase::Listeners).clone(),
                quiet: drain.token(Phase::Requests).clone(),
                cut,
                connections: Some(drain.register(Phase::Requests, "connections")?),
            },
            failures: AcceptFailures::default(),
        };
        let open = drain.register(Phase::Listeners, "listeners")?;
        for (listener, address) in listeners.into_iter().zip(addresses) {
            tracing::info!(%address, "the server listens");
            let accept = acceptor.clone().accept(listener, before_waiting(&settings.limits));
            let open = open.enter();
            tasks.spawn(async move {
                accept.await;
                drop(open);
            });
        }
        drop(acceptor);

        let signal = tokio::select! {
            signal = next(&mut signals) => Some(signal),
            () = drain.requested().cancelled() => None,
        };
        // Whoever routes requests looks at this.
        drain.request();
        let notice = settings.notice.filter(|_| signal == Some(Signal::Terminate));
        let down = async {
            if let Some(notice) = notice {
                tracing::info!(notice = ?notice.get(), "no longer ready, still serving");
                sleep(notice.get()).await;
            }
            drain.run().await
        };
        tokio::select! {
            _report = down => Ok(()),
            _ = next(&mut signals) => Err(ServeError::CutShort),
        }
    }
}

async fn next(signals: &mut Option<Signals>) -> Signal {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

fn address(listener: &TcpListener) -> Result<SocketAddr, ServeError> {
    let unknown = |source| ServeError::Bind { address: String::from("a socket without an address"), source };
    listener.local_addr().map_err(unknown)
}

/// The admin's answers to the last: it is no part of the drain.
fn admin_acceptor(
    settings: &Settings,
    standing: admin::AdminState,
    cut: CancellationToken,
) -> Result<Acceptor<Router>, ServeError> {
    let never = CancellationToken::new();
    let limits = admin_limits(&settings.limits);
    Ok(Acceptor {
        service: admin::router(standing, settings.token.clone()),
        config: Arc::new(ConnectionConfig::new(&limits)),
        slots: slots(&limits),
        metrics: ConnectionMetrics::new(&settings.registry, "admin")?,
        ending: Ending { closed: cut.clone(), quiet: never, cut, connections: None },
        failures: AcceptFailures::default(),
    })
}
