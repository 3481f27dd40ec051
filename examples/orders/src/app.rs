//! The state that the handlers share.

use crate::{config::Config, invoices::Invoices, payments::Payments, store::Store};
use plimsoll::{
    Client,
    config::Policies,
    http::idempotency::{IdempotencyLayer, PostgresStore},
    telemetry::Registry,
};
use std::sync::Arc;

/// The database, the payment service, the invoices. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Store,
    payments: Payments,
    notifications: Client,
    invoices: Invoices,
    idempotency: IdempotencyLayer<PostgresStore>,
}

impl App {
    /// Builds the state from a configuration. No connection is opened yet.
    ///
    /// # Errors
    /// If the policy file or the folder of invoices is not what it should be.
    pub fn new(config: &Config, registry: &Registry) -> anyhow::Result<Self> {
        let policies = Policies::load(config.policies())?;
        let client = |origin: &str, policy: &str| -> anyhow::Result<Client> {
            Ok(Client::builder().metrics(registry)?.origin(origin, policies.named(policy)?)?)
        };
        let store = Store::new(config.database());
        Ok(Self(Arc::new(Parts {
            payments: Payments::new(client(config.payments(), "payments")?),
            notifications: client(config.notifications(), "notifications")?,
            invoices: Invoices::open(config.invoices())?,
            idempotency: IdempotencyLayer::new(PostgresStore::new(store.pool().clone()))
                .required()
                // This service knows no callers, so all of them are one.
                .one_scope()
                .durations(config.idempotency())
                .counted(registry)?,
            store,
        })))
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The payment service.
    pub fn payments(&self) -> &Payments {
        &self.0.payments
    }

    /// The client of the notification service.
    pub fn notifications(&self) -> &Client {
        &self.0.notifications
    }

    /// The invoices.
    pub fn invoices(&self) -> &Invoices {
        &self.0.invoices
    }

    /// The idempotency layer: a request that is sent twice is executed once. Its keys are in the same database as the orders,
    /// so that one transaction has both.
    pub fn idempotency(&self) -> IdempotencyLayer<PostgresStore> {
        self.0.idempotency.clone()
    }
}
