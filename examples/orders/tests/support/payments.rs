//! The payment service's stand-in, which also hears of events. It charges once per key, and keeps a book of it.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// The behaviour for the next request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// Does as asked.
    Fine,
    /// Nothing, for as long as this lasts.
    Hanging,
    /// It fails, and says more about it than anybody should hear.
    Failing(&'static str),
    /// It says no.
    Refusing,
    /// It responds with another document than agreed.
    Babbling(&'static str),
}

#[derive(Debug, Default)]
pub struct Book {
    /// The charge of each key.
    pub charges: HashMap<String, (String, Value)>,
    /// How often each event was heard of.
    pub events: HashMap<i64, usize>,
}

#[derive(Clone)]
struct ServerState {
    behaviour: watch::Receiver<Behaviour>,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug)]
pub struct Payments {
    pub origin: String,
    behaviour: watch::Sender<Behaviour>,
    book: Arc<Mutex<Book>>,
    serving: JoinHandle<()>,
}

impl Payments {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (behaviour, heard) = watch::channel(Behaviour::Fine);
        let book = Arc::new(Mutex::new(Book::default()));
        let state = ServerState { behaviour: heard, book: Arc::clone(&book) };
        let app =
            Router::new().route("/charges", post(charge)).route("/events", post(event)).with_state(state);
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { origin, behaviour, book, serving }
    }

    pub fn become_(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    pub fn charges(&self) -> usize {
        self.book.lock().unwrap().charges.len()
    }

    /// The amounts charged, by order.
    pub fn charged(&self) -> HashMap<String, i64> {
        let book = self.book.lock().unwrap();
        let mut charged = HashMap::new();
        for (_, what) in book.charges.values() {
            *charged.entry(what["order"].as_str().unwrap().to_owned()).or_default() +=
                what["cents"].as_i64().unwrap();
        }
        charged
    }

    pub fn events(&self) -> HashMap<i64, usize> {
        self.book.lock().unwrap().events.clone()
    }
}

impl Drop for Payments {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Returns the response of a behaviour that is not good.
async fn moody(state: &mut ServerState) -> Option<Response> {
    let behaviour = *state.behaviour.borrow();
    match behaviour {
        Behaviour::Fine => None,
        Behaviour::Hanging => {
            state.behaviour.wait_for(|behaviour| *behaviour != Behaviour::Hanging).await.ok();
            Some(StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
        Behaviour::Failing(secret) => {
            Some((StatusCode::INTERNAL_SERVER_ERROR, [("x-inside", secret)], secret).into_response())
        }
        Behaviour::Refusing => Some(StatusCode::PAYMENT_REQUIRED.into_response()),
        Behaviour::Babbling(secret) => {
            Some((StatusCode::CREATED, [("content-type", "application/json")], secret).into_response())
        }
    }
}

async fn charge(
    State(mut state): State<ServerState>,
    headers: HeaderMap,
    Json(what): Json<Value>,
) -> Response {
    if let Some(response) = moody(&mut state).await {
        return response;
    }
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let mut book = state.book.lock().unwrap();
    let next = format!("ch-{}", book.charges.len() + 1);
    let (charge, _) = book.charges.entry(key).or_insert((next, what));
    (StatusCode::CREATED, Json(json!({ "id": charge }))).into_response()
}

async fn event(State(mut state): State<ServerState>, Json(what): Json<Value>) -> Response {
    if let Some(response) = moody(&mut state).await {
        return response;
    }
    *state.book.lock().unwrap().events.entry(what["id"].as_i64().unwrap()).or_default() += 1;
    StatusCode::CREATED.into_response()
}
