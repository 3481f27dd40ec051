//! The service as a whole: what runs, and in which order it ends.

use crate::{api, app::App, config::Config, outbox::Outbox, pool};
use axum::Router;
use plimsoll::{
    http::body::NegotiateLayer,
    serve::{self, Bound, Server, Stopper},
    telemetry::Registry,
};
use std::net::SocketAddr;

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
        let routes = routes(api::routes(app.clone())).layer(NegotiateLayer::new());
        let server = serve::serve(routes).on(config.listen()).admin(config.admin()).registry(registry.clone());
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

    /// What the handlers share.
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// What ends it from inside.
    pub fn stopper(&self) -> Stopper {
        self.server.stopper()
    }
}
