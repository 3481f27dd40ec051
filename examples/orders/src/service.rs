//! The service as a whole: what runs, and in which order it ends.

use crate::{api, app::App, config::Config, metrics, outbox::Outbox, workers::workers};
use axum::Router;
use plimsoll::{
    http::observe,
    serve::{self, Bound, ServeError, Server},
    task::{
        drain::{Drain, Phase},
        scope::scope,
        supervise,
    },
    telemetry::Registry,
};
use std::net::SocketAddr;

/// A part of the service that ended before it was told to.
#[derive(Debug, thiserror::Error)]
enum ServiceError {
    #[error("the server did not serve")]
    Server(#[from] ServeError),
    #[error("the workers gave up")]
    Workers(#[from] supervise::Error),
}

/// A service whose addresses are bound and whose tables are up to date.
#[derive(Debug)]
pub struct Service {
    app: App,
    outbox: Outbox,
    server: Bound,
    registry: Registry,
}

impl Service {
    /// Brings the tables up to date, and binds the addresses.
    ///
    /// # Errors
    /// If anything that the configuration names is not what it should be.
    ///
    /// # Cancel safety
    /// Cancel safe: the addresses are free again.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        Self::bind_with(config, |routes| routes, |server| server).await
    }

    /// The same with further routes inside the error boundary, and with other limits of the server: for tests.
    ///
    /// # Errors
    /// As [`Service::bind`].
    ///
    /// # Cancel safety
    /// As [`Service::bind`].
    pub async fn bind_with(
        config: &Config,
        routes: impl FnOnce(Router) -> Router,
        settings: impl FnOnce(Server) -> Server,
    ) -> anyhow::Result<Self> {
        let registry = Registry::new();
        let app = App::new(config, &registry)?;
        app.store().migrate().await?;
        let outbox = Outbox::new(app.store().clone(), app.notifications().clone(), config.outbox());
        let routes = routes(api::routes(app.clone()));
        let store = app.store().clone();
        let server = serve::serve(routes)
            .on(config.listen())
            .admin(config.admin())
            .registry(registry.clone())
            .ready_while("database-away", move || {
                let store = store.clone();
                async move { store.is_there().await }
            });
        let server = settings(server).bind().await?;
        Ok(Self { app, outbox, server, registry })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// Where its admin interface listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.server.admin_address().expect("there is one: see bind_with")
    }

    /// Returns the state that the handlers share.
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// Returns the drain by which the service shuts down.
    pub fn drain(&self) -> Drain {
        self.server.drain_handle()
    }

    /// Serves until a signal comes or the drain is asked for; then ends what is under way, then the workers, then the pool,
    /// in this order: nobody is left who would need what is closed.
    ///
    /// # Errors
    /// If it could not serve, or did not end in time.
    ///
    /// # Cancel safety
    /// Dropped before its end, requests are cut off, workers are aborted, and events that were taken are told again later.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self { app, outbox, server, registry } = self;
        let drain = server.drain_handle();
        let working = drain.register(Phase::Workers, "workers")?.enter();
        let workers = workers(&app, outbox, drain.token(Phase::Workers).clone());
        let _watched = metrics::watch(&registry, app.store().clone())?;
        let _supervised = observe::supervisor(&registry, &workers.stats())?;
        // An order that was begun is finished, even if its client has left.
        let keyed = app.idempotency();
        drain.hook(Phase::Workers, "orders under a key", async move { keyed.idle().await })?;
        let store = app.store().clone();
        drain.hook(Phase::Stores, "database", async move { store.close().await })?;
        // Whatever becomes of the server, the workers do not outlive it.
        scope(|service| async move {
            service.spawn(async move {
                let ended = workers.run().await;
                drop(working);
                Ok::<_, ServiceError>(ended?)
            });
            Ok::<_, ServiceError>(server.run().await?)
        })
        .await?;
        Ok(())
    }
}
