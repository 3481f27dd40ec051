//! The service on real sockets and a database of its own, with everything that it calls played by the test.

use super::{
    payments::Payments,
    web::{self, FullResponse, LONG},
};
use axum::{Router, http::StatusCode};
use orders::{
    app::App,
    config::{Config, File},
    service::Service,
};
use plimsoll::{
    serve::{Limits, Server},
    task::drain::Drain,
};
use plimsoll_testkit::{Database, Postgres};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};
use tokio::{task::JoinHandle, time::timeout};

/// The settings that a test changes.
pub struct Wanted {
    pub connections: u32,
    pub wait: &'static str,
    pub run: &'static str,
    pub lease: &'static str,
    pub policies: String,
    /// Further routes, inside the same boundary.
    pub routes: fn() -> Router,
    pub limits: fn(Limits) -> Limits,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            connections: 5,
            wait: "500ms",
            run: "20s",
            lease: "30s",
            policies: concat!(env!("CARGO_MANIFEST_DIR"), "/policies.toml").to_owned(),
            routes: Router::new,
            limits: |limits| limits,
        }
    }
}

pub struct Running {
    pub to: SocketAddr,
    pub admin: SocketAddr,
    pub app: App,
    pub payments: Payments,
    pub drain: Drain,
    pub folder: Folder,
    serving: Option<JoinHandle<anyhow::Result<()>>>,
    /// Acknowledged orders by key.
    acknowledged: BTreeMap<String, String>,
    // Dropped last: the service lets go of it first.
    pub database: Database,
    pub server: Postgres,
}

impl Running {
    /// The service on the run's shared PostgreSQL; `None` without one.
    pub async fn start() -> Option<Self> {
        Self::with(Wanted::default()).await
    }

    pub async fn with(wanted: Wanted) -> Option<Self> {
        Some(Self::on(Postgres::shared().await?, wanted).await)
    }

    pub async fn on(server: Postgres, wanted: Wanted) -> Self {
        let (database, payments, folder) =
            (server.create_database().await, Payments::start().await, Folder::new());
        let config = Config::try_from(file(&wanted, &database, &payments, &folder)).unwrap();
        // A machine that builds and tests at once has standing queues of its own; shedding is tried where it lives.
        let limits = (wanted.limits)(Limits { shedding: None, ..Limits::default() });
        let routes = |routes: Router| routes.merge((wanted.routes)());
        let settings = |server: Server| server.limits(limits).without_signals();
        let service = Service::bind_with(&config, routes, settings).await.unwrap();
        let (to, admin) = (service.address(), service.admin_address());
        let (app, drain) = (service.app().clone(), service.drain());
        let serving = Some(tokio::spawn(async {
            let ended = service.run().await;
            if let Err(error) = &ended {
                eprintln!("the service ended: {error:#}");
            }
            ended
        }));
        let acknowledged = BTreeMap::new();
        Self { to, admin, app, payments, drain, folder, serving, acknowledged, database, server }
    }

    /// An order under this key, noted if it is acknowledged.
    pub async fn place(&mut self, key: &str) -> FullResponse {
        let response = web::post(self.to, "/v1/orders", key, &order(key)).await;
        self.note(key, &response);
        response
    }

    /// Records the response to the order of this key.
    pub fn note(&mut self, key: &str, response: &FullResponse) {
        if response.status == StatusCode::CREATED {
            let id = response.json()["id"].as_str().unwrap().to_owned();
            let before = self.acknowledged.insert(key.to_owned(), id.clone());
            assert!(before.is_none_or(|before| before == id), "one key, two orders");
        }
    }

    /// Asks with the same key until it is acknowledged, as a client does that must not lose its order.
    pub async fn insist(&mut self, key: &str) -> FullResponse {
        let insisting = async {
            loop {
                let response = self.place(key).await;
                match response.status.as_u16() {
                    201 => return response,
                    409 | 503 | 504 => tokio::time::sleep(Duration::from_millis(20)).await,
                    _ => panic!("{response:?}"),
                }
            }
        };
        timeout(LONG, insisting).await.expect("an acknowledgement")
    }

    pub async fn get(&self, path: &str) -> FullResponse {
        web::get(self.to, path).await
    }

    /// Orders in the database: the key of each, by way of psql.
    pub async fn stored(&self) -> Vec<String> {
        let rows = self.database.psql("SELECT reference FROM orders ORDER BY reference").await;
        rows.lines().map(str::to_owned).collect()
    }

    /// Requests under way, as the service's own metrics have it.
    pub async fn in_flight(&self) -> f64 {
        metric(&web::get(self.admin, "/metrics").await.text(), "plimsoll_server_requests_in_flight")
    }

    /// Nothing lost, nothing leaked, and the service still serves.
    pub async fn is_well(&mut self) {
        until("no request is under way", async || self.in_flight().await == 0.0).await;
        until("every connection is back", async || self.app.store().connections().0 == 0).await;
        self.insist("is-well").await;
        assert_eq!(self.get("/v1/orders?limit=1").await.status, StatusCode::OK);
        let acknowledged: Vec<String> = self.acknowledged.keys().cloned().collect();
        assert_eq!(self.stored().await, acknowledged, "stored and acknowledged are the same");
    }

    /// A transaction that keeps everybody else out of a table, until it is dropped.
    pub async fn lock(&self, table: &str) -> PgConnection {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        let statement = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement))).await.unwrap();
        connection
    }

    /// Waits until so many statements wait for somebody's lock.
    pub async fn waiting(&self, number: usize) {
        // The outbox's own worker may wait as well.
        let asked = "SELECT count(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'INSERT%'";
        until("statements wait", async || self.database.psql(asked).await == number.to_string()).await;
    }

    /// Ends it as an orchestrator does; what its run said.
    pub async fn end(&mut self) -> anyhow::Result<()> {
        self.drain.request();
        timeout(LONG, self.serving.take().expect("it runs")).await.expect("it ends").unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// An order that names its key.
pub fn order(key: &str) -> Value {
    json!({ "customer": "ann", "reference": key, "lines": [{ "sku": "ROPE-10", "quantity": 2, "unit_cents": 1250 }] })
}

/// A folder that is gone when dropped.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("orders-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn file(wanted: &Wanted, database: &Database, payments: &Payments, folder: &Folder) -> File {
    serde_json::from_value(json!({
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "policies": wanted.policies,
        "invoices": folder.0,
        "database": { "url": database.url(), "connections": wanted.connections, "wait": wanted.wait },
        "payments": { "origin": payments.origin },
        "notifications": { "origin": payments.origin },
        "outbox": { "poll": "20ms", "hold": "200ms" },
        "idempotency": { "run": wanted.run, "lease": wanted.lease },
    }))
    .unwrap()
}

/// Asks until it is so. What happens on the other side of a socket has no clock that a test could move.
pub async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let asking = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, asking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The sum of a metric's samples.
pub fn metric(text: &str, name: &str) -> f64 {
    let samples = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
    });
    let mut samples = samples.peekable();
    assert!(samples.peek().is_some(), "there is no {name} in: {text}");
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}
