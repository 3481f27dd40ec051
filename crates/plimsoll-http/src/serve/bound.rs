use super::{
    AdminToken, DrainLimits, Limits, Listen, ServeError, Stopper,
    accept::{Door, Ending},
    admin,
    connection::Manner,
    metrics::{self, ConnectionMetrics},
    record::Record,
    signals::{Signals, Told},
    stack::{Guards, Plan},
};
use crate::{
    boundary::BoundaryLayer,
    headers::Trust,
    inbound::{ClientLayer, DeadlineRules, RequestIdLayer, feel_lag},
};
use axum::Router;
use plimsoll_telemetry::Registry;
use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

/// Connections to the admin address at once.
const ADMIN_CONNECTIONS: NonZeroU32 = NonZeroU32::new(64).unwrap();

/// All that a server has been told.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) app: Router,
    pub(super) listens: Vec<Listen>,
    pub(super) admin: Option<Listen>,
    pub(super) token: Option<AdminToken>,
    pub(super) limits: Limits,
    pub(super) deadline: DeadlineRules,
    pub(super) trusted: Vec<Trust>,
    pub(super) ids: RequestIdLayer,
    pub(super) registry: Registry,
    pub(super) drain: DrainLimits,
    pub(super) signals: bool,
    pub(super) stopper: Stopper,
}

impl Settings {
    pub(super) fn new(app: Router) -> Self {
        Self {
            app,
            listens: Vec::new(),
            admin: None,
            token: None,
            limits: Limits::default(),
            deadline: DeadlineRules::default(),
            trusted: Vec::new(),
            ids: RequestIdLayer::new(),
            registry: Registry::new(),
            drain: DrainLimits::default(),
            signals: true,
            stopper: Stopper::default(),
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

    /// What begins the drain from inside.
    pub fn stopper(&self) -> Stopper {
        self.settings.stopper.clone()
    }

    /// Serves until a signal comes or [`Stopper::stop`] is called, then drains. See the [module](super).
    ///
    /// Dropped, it cuts off all connections at once.
    ///
    /// # Errors
    /// [`ServeError::CutShort`], and [`ServeError::Metrics`] where the registry is full.
    pub async fn run(self) -> Result<(), ServeError> {
        let Self { listeners, addresses, admin, mut signals, settings, boundary } = self;
        let (app_ending, admin_ending) = (Ending::default(), Ending::default());
        // Dropped at any point, nothing of it goes on.
        let _app_guard = app_ending.cut.clone().drop_guard();
        let _admin_guard = admin_ending.cut.clone().drop_guard();
        let mut tasks = JoinSet::new();
        if let Some((listener, address)) = admin {
            tracing::info!(%address, "the admin listens");
            let door = admin_door(&settings, &admin_ending)?;
            tasks.spawn(door.accept(listener, Some(ADMIN_CONNECTIONS)));
        }
        let record = Record::new(&settings.registry)?;
        let guards = Guards::new(&settings.limits);
        if let Some(shedder) = guards.feels_lag() {
            let lag = metrics::lag(&settings.registry)?;
            tasks.spawn(feel_lag(shedder, move |late| lag.record_duration(late)));
        }
        let _watched = metrics::watch(&settings.registry, &guards)?;
        let plan = Plan {
            app: settings.app,
            boundary,
            deadline: settings.deadline,
            clients: ClientLayer::trusting(settings.trusted),
            ids: settings.ids,
            record,
            guards,
            limits: settings.limits.clone(),
        };
        let door = Door {
            service: plan.build(),
            manner: Arc::new(Manner::new(&settings.limits)),
            metrics: ConnectionMetrics::new(&settings.registry, "app")?,
            ending: app_ending.clone(),
        };
        let mut accepting = JoinSet::new();
        for (listener, address) in listeners.into_iter().zip(addresses) {
            tracing::info!(%address, "the server listens");
            accepting.spawn(door.clone().accept(listener, settings.limits.connections));
        }
        drop(door);

        let told = tokio::select! {
            told = next(&mut signals) => Some(told),
            () = settings.stopper.stopped() => None,
        };
        // Whoever routes requests looks at this.
        settings.stopper.stop();
        let notice = if told == Some(Told::Terminate) { settings.drain.notice } else { Duration::ZERO };
        let drained = drain(&app_ending, accepting, notice, settings.drain.requests);
        let result = tokio::select! {
            () = drained => Ok(()),
            _ = next(&mut signals) => Err(ServeError::CutShort),
        };
        tasks.shutdown().await;
        result
    }
}

async fn drain(ending: &Ending, mut accepting: JoinSet<()>, notice: Duration, requests: Duration) {
    tracing::info!(?notice, "draining: no longer ready");
    tokio::time::sleep(notice).await;
    ending.closed.cancel();
    while accepting.join_next().await.is_some() {}
    ending.quiet.cancel();
    ending.connections.close();
    let _in_time = timeout(requests, ending.connections.wait()).await;
    let left = ending.connections.len();
    tracing::info!(left, "drained");
}

async fn next(signals: &mut Option<Signals>) -> Told {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

fn address(listener: &TcpListener) -> Result<SocketAddr, ServeError> {
    let unknown = |source| ServeError::Bind { address: String::from("a socket without an address"), source };
    listener.local_addr().map_err(unknown)
}

fn admin_door(settings: &Settings, ending: &Ending) -> Result<Door<Router>, ServeError> {
    let draining = settings.stopper.token().clone();
    Ok(Door {
        service: admin::router(settings.registry.clone(), draining, settings.token.clone()),
        manner: Arc::new(Manner::new(&Limits::default())),
        metrics: ConnectionMetrics::new(&settings.registry, "admin")?,
        ending: ending.clone(),
    })
}
